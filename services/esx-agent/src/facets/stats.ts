import type { BlockStats, DomainStats, InterfaceStats } from "@virtmesh/core/driver/domains";
import { targetOf } from "../definition/disk-places.ts";
import { hardwareOf, type PlacedDisk, type PlacedNic } from "../definition/hardware.ts";
import type { Guest } from "../guests/guest.ts";
import {
  type Counter,
  instanceOfDisk,
  instanceOfNic,
  totalOf,
  type Totals,
} from "../performance/counters.ts";

const KIB = 1n << 10n;
const MIB = 1n << 20n;
const NS_PER_MS = 1_000_000n;

/**
 * Memory out of what the stream last told (`summary.quickStats`), counters out of the server's samples: it takes one every
 * twenty seconds, and they are summed up from when the guest was first seen to run.
 */
export function statsOf(guest: Guest, totals: Totals | undefined): DomainStats {
  const { info } = guest;
  const active = info.id > 0;
  const { disks, nics } = hardwareOf(guest.facts.config);
  return {
    ...{ uuid: info.uuid, name: info.name, state: info.state, stateReason: info.stateReason },
    sampleTimeMs: active ? Date.now() : 0,
    cpuTimeNs: totalOf(totals, "cpuUsedMs") * NS_PER_MS,
    vcpus: info.vcpus,
    memoryBytes: active ? info.memoryBytes : 0n,
    maxMemoryBytes: info.maxMemoryBytes,
    rssBytes: active ? BigInt(guest.facts.memoryMib) * MIB : 0n,
    blocks: active ? disks.filter((disk) => !disk.other).map((disk) => blockOf(disk, totals)) : [],
    interfaces: active ? nics.map((nic) => interfaceOf(nic, totals)) : [],
  };
}

function blockOf(disk: PlacedDisk, totals: Totals | undefined): BlockStats {
  const sum = (counter: Counter): bigint => totalOf(totals, counter, instanceOfDisk(disk));
  return {
    ...{ target: targetOf(disk.place), source: disk.file },
    ...{ readRequests: sum("reads"), readBytes: sum("readKib") * KIB, readTimeNs: undefined },
    ...{ writeRequests: sum("writes"), writeBytes: sum("writeKib") * KIB, writeTimeNs: undefined },
    ...{ flushRequests: undefined, flushTimeNs: undefined },
    ...{ allocationBytes: undefined, capacityBytes: disk.capacityBytes, physicalBytes: undefined },
  };
}

function interfaceOf(nic: PlacedNic, totals: Totals | undefined): InterfaceStats {
  const device = instanceOfNic(nic);
  const sum = (counter: Counter): bigint => totalOf(totals, counter, device);
  return {
    ...{ device, mac: nic.mac },
    ...{ receiveBytes: sum("receivedKib") * KIB, receivePackets: sum("receivedPackets") },
    ...{ receiveErrors: undefined, receiveDrops: sum("receiveDrops") },
    ...{ transmitBytes: sum("transmittedKib") * KIB, transmitPackets: sum("transmittedPackets") },
    ...{ transmitErrors: undefined, transmitDrops: sum("transmitDrops") },
  };
}
