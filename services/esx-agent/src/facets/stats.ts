import type { BlockStats, DomainStats } from "@virtmesh/core/driver/domains";
import { targetOf } from "../definition/disk-places.ts";
import { hardwareOf, type PlacedDisk } from "../definition/hardware.ts";
import type { Guest } from "../guests/guest.ts";

const MIB = 1n << 20n;

/**
 * What the stream last told (`summary.quickStats`): the server samples it every twenty seconds or so. It knows CPU as MHz
 * at the moment and not as time used, so there is none.
 */
export function statsOf(guest: Guest): DomainStats {
  const { info } = guest;
  const active = info.id > 0;
  return {
    ...{ uuid: info.uuid, name: info.name, state: info.state, stateReason: info.stateReason },
    sampleTimeMs: active ? Date.now() : 0,
    cpuTimeNs: 0n,
    vcpus: info.vcpus,
    memoryBytes: active ? info.memoryBytes : 0n,
    maxMemoryBytes: info.maxMemoryBytes,
    rssBytes: active ? BigInt(guest.facts.memoryMib) * MIB : 0n,
    blocks: active
      ? hardwareOf(guest.facts.config)
          .disks.filter((disk) => !disk.other)
          .map(blockOf)
      : [],
    interfaces: [],
  };
}

function blockOf({ place, file, capacityBytes }: PlacedDisk): BlockStats {
  return {
    ...{ target: targetOf(place), source: file },
    ...{ readRequests: 0n, readBytes: 0n, readTimeNs: 0n },
    ...{ writeRequests: 0n, writeBytes: 0n, writeTimeNs: 0n },
    ...{ flushRequests: 0n, flushTimeNs: 0n },
    ...{ allocationBytes: 0n, capacityBytes, physicalBytes: 0n },
  };
}
