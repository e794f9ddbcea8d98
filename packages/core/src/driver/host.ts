import type { Call } from "../call.ts";

export interface HostInfo {
  /** Identity of the machine (SMBIOS UUID or machine-id), so that a host is not migrated onto itself. */
  readonly uuid: string;
  readonly hypervisorVersion: string;
  readonly architecture: string;
  readonly cpuModel: string;
  readonly cpus: number;
  readonly memoryBytes: bigint;
  readonly freeMemoryBytes: bigint;
  readonly accelerators: readonly string[];
  readonly bootTimeMs: number;
  /** Sentences for people: why an accelerator is not used, and the like. */
  readonly notes: readonly string[];
}

export interface HostFacet {
  info(): HostInfo;
  /** libvirt capabilities XML. */
  capabilities?(c: Call): Promise<string>;
}
