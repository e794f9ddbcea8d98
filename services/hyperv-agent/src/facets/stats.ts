import type { BlockStats, DomainStats } from "@virtmesh/core/driver/domains";
import type { Guest } from "../guests/guest.ts";
import type { Sampler } from "../guests/sampler.ts";
import { hardwareOf, type PlacedDisk } from "../settings/hardware.ts";
import type { HostNames } from "../settings/model.ts";
import { targetOf } from "../settings/places.ts";

const MIB = 1n << 20n;

/**
 * Hyper-V's summary knows CPU as a percentage of the moment and not as time used, and nothing of what disks and cards
 * did: their counters stay at zero.
 */
export function statsOf(guest: Guest, names: HostNames, sampler: Sampler): DomainStats {
  const { info, key, facts } = guest;
  const sample = sampler.of(key);
  const { disks } = hardwareOf(facts.settings, names);
  const active = info.id > 0;
  return {
    ...{ uuid: info.uuid, name: info.name, state: info.state, stateReason: info.stateReason },
    sampleTimeMs: active ? (sample?.timeMs ?? Date.now()) : 0,
    cpuTimeNs: 0n,
    vcpus: info.vcpus,
    memoryBytes: active ? info.memoryBytes : 0n,
    maxMemoryBytes: info.maxMemoryBytes,
    rssBytes: active ? (sample?.memoryMib ?? 0n) * MIB : 0n,
    blocks: active ? disks.map((disk) => blockOf(disk, sampler.sizeOf(disk.file))) : [],
    interfaces: [],
  };
}

function blockOf({ place, file }: PlacedDisk, capacityBytes: bigint): BlockStats {
  return {
    ...{ target: targetOf(place), source: file },
    ...{ readRequests: 0n, readBytes: 0n, readTimeNs: 0n },
    ...{ writeRequests: 0n, writeBytes: 0n, writeTimeNs: 0n },
    ...{ flushRequests: 0n, flushTimeNs: 0n },
    ...{ allocationBytes: 0n, capacityBytes, physicalBytes: 0n },
  };
}
