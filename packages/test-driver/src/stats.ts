import type { BlockStats, DomainStats, InterfaceStats } from "@virtmesh/core/driver/domains";
import { type Guest, currentDefinition, infoOf, ranMs } from "./guest.ts";
import type { Images } from "./images.ts";

/**
 * Numbers that move with the time a guest has run, and stand still while it is paused: a tenth of each CPU, and
 * a steady trickle of I/O. The same guest after the same time has the same numbers.
 */
export function statsOf(guest: Guest, images: Images, nowMs: number): DomainStats {
  const info = infoOf(guest);
  const { instance } = guest;
  const ms = instance === undefined ? 0 : Math.max(0, ranMs(instance, nowMs));
  const active = instance !== undefined;
  const { model } = currentDefinition(guest);
  return {
    uuid: info.uuid,
    name: info.name,
    state: info.state,
    stateReason: info.stateReason,
    sampleTimeMs: active ? nowMs : 0,
    cpuTimeNs: BigInt(Math.round(ms * 100_000)) * BigInt(info.vcpus),
    vcpus: info.vcpus,
    memoryBytes: info.memoryBytes,
    maxMemoryBytes: info.maxMemoryBytes,
    rssBytes: active ? (model.memory.bytes * 3n) / 4n : 0n,
    blocks: info.disks
      .filter((disk) => disk.source !== "")
      .map((disk) => blockOf(disk, ms, images.get(disk.source)?.capacityBytes ?? 0n)),
    interfaces: active ? info.interfaces.map((nic) => interfaceOf(nic, ms)) : [],
  };
}

function blockOf(
  disk: { readonly target: string; readonly source: string },
  ms: number,
  capacityBytes: bigint,
): BlockStats {
  const reads = BigInt(Math.floor(ms / 10));
  const writes = BigInt(Math.floor(ms / 20));
  return {
    target: disk.target,
    source: disk.source,
    readRequests: reads,
    readBytes: reads * 4096n,
    readTimeNs: reads * 80_000n,
    writeRequests: writes,
    writeBytes: writes * 8192n,
    writeTimeNs: writes * 120_000n,
    flushRequests: writes / 8n,
    flushTimeNs: (writes / 8n) * 500_000n,
    allocationBytes: capacityBytes / 4n,
    capacityBytes,
    physicalBytes: capacityBytes / 4n,
  };
}

function interfaceOf(nic: { readonly device: string; readonly mac: string }, ms: number): InterfaceStats {
  const packets = BigInt(Math.floor(ms / 5));
  return {
    device: nic.device,
    mac: nic.mac,
    receiveBytes: packets * 512n,
    receivePackets: packets,
    receiveErrors: 0n,
    receiveDrops: 0n,
    transmitBytes: packets * 256n,
    transmitPackets: packets,
    transmitErrors: 0n,
    transmitDrops: 0n,
  };
}
