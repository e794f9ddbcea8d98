import { WsmanProtocolError } from "./wsman/errors.ts";
import type { CallOptions } from "./wsman/client.ts";
import type { MsvmSession } from "./msvm/session.ts";

/** The machine that the guests run on. */
export interface HostFacts {
  readonly name: string;
  readonly uuid: string;
  /** Of Windows: `10.0.20348`. */
  readonly version: string;
  readonly caption: string;
  readonly cpuModel: string;
  readonly cpus: number;
  readonly memoryBytes: bigint;
  readonly freeMemoryBytes: bigint;
  readonly bootTimeMs: number;
}

const KIB = 1024n;

/** @throws WsmanFault, WsmanProtocolError for a machine that is no Windows */
export async function readHost(session: MsvmSession, options: CallOptions): Promise<HostFacts> {
  const [[computer], [product], [system], processors] = await Promise.all([
    session.query("Win32_ComputerSystem", options),
    session.query("Win32_ComputerSystemProduct", options),
    session.query("Win32_OperatingSystem", options),
    session.query("Win32_Processor", options),
  ]);
  const name = computer?.DNSHostName ?? computer?.Name;
  if (name === undefined || system === undefined)
    throw new WsmanProtocolError(`${session.client.address} does not say which machine it is`);
  const boot = Date.parse(system.LastBootUpTime ?? "");
  return {
    name: computer?.Name ?? name,
    uuid: (product?.UUID ?? "").toLowerCase(),
    version: system.Version ?? "",
    caption: system.Caption ?? "",
    cpuModel: processors[0]?.Name?.trim() ?? "",
    cpus: computer?.NumberOfLogicalProcessors ?? processors.length,
    memoryBytes: computer?.TotalPhysicalMemory ?? 0n,
    freeMemoryBytes: (system.FreePhysicalMemory ?? 0n) * KIB,
    bootTimeMs: Number.isNaN(boot) ? 0 : boot,
  };
}
