import type { Host } from "@virtmesh/api/gen/virtmesh/v1/host";
import { isActive } from "@virtmesh/core/domain/state";
import type { Driver } from "@virtmesh/core/driver/driver";
import type { HostInfo } from "@virtmesh/core/driver/host";
import { dateOf } from "./domain.ts";

export function toWireHost(
  info: HostInfo,
  agent: {
    readonly uri: string;
    readonly host: string;
    readonly hypervisor: string;
    readonly version: string;
    readonly cordoned: boolean;
    readonly cordonReason: string;
  },
): Host {
  return {
    uri: agent.uri,
    name: agent.host,
    uuid: info.uuid,
    hypervisor: agent.hypervisor,
    hypervisorVersion: info.hypervisorVersion,
    agentVersion: agent.version,
    architecture: info.architecture,
    cpuModel: info.cpuModel,
    cpus: info.cpus,
    memoryBytes: info.memoryBytes,
    freeMemoryBytes: info.freeMemoryBytes,
    accelerators: [...info.accelerators],
    bootTime: dateOf(info.bootTimeMs),
    notes: [...info.notes],
    cordoned: agent.cordoned,
    cordonReason: agent.cordonReason,
  };
}

/** Told in steps of so much: a lease that changes at every renewal would be news to the whole mesh every second. */
const ROOM_STEP = 16n * 1024n * 1024n;

/** The memory of a host, and what is neither used by it nor promised to its running guests. */
export function roomOf(driver: Driver): { readonly memoryBytes: bigint; readonly freeMemoryBytes: bigint } {
  const { memoryBytes, freeMemoryBytes } = driver.host.info();
  const promised = driver.domains
    .list()
    .filter((d) => isActive(d.state))
    .reduce((sum, d) => sum + d.memoryBytes, 0n);
  const left = memoryBytes > promised ? memoryBytes - promised : 0n;
  const free = left < freeMemoryBytes ? left : freeMemoryBytes;
  return { memoryBytes, freeMemoryBytes: free - (free % ROOM_STEP) };
}
