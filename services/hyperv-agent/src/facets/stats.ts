import type { BlockStats, DomainStats, InterfaceStats } from "@virtmesh/core/driver/domains";
import { cardCountersOf, type Counters, diskCountersOf } from "../guests/counters.ts";
import type { Guest } from "../guests/guest.ts";
import type { Sampler } from "../guests/sampler.ts";
import type { HypervServer } from "../server.ts";
import { hardwareOf, type PlacedDisk, type PlacedNic } from "../settings/hardware.ts";
import { targetOf } from "../settings/places.ts";

const MIB = 1n << 20n;

/**
 * Memory out of Hyper-V's summary, the rest out of the counters of Windows, as far as the host has them. They name a guest's
 * processors by the guest's name alone: of several of one name nobody can tell whose they are.
 */
export function statsOf(
  guest: Guest,
  { names, sampler }: HypervServer,
  isTheOnlyOneOfItsName: boolean,
): DomainStats {
  const { info, key, facts, name } = guest;
  const sample = sampler.of(key);
  const { counters } = sampler;
  const { disks, nics } = hardwareOf(facts.settings, names);
  const active = info.id > 0;
  return {
    ...{ uuid: info.uuid, name: info.name, state: info.state, stateReason: info.stateReason },
    sampleTimeMs: active ? (sample?.timeMs ?? Date.now()) : 0,
    cpuTimeNs: !active ? 0n : isTheOnlyOneOfItsName ? counters.cpuTimes.get(name) : undefined,
    vcpus: info.vcpus,
    memoryBytes: active ? info.memoryBytes : 0n,
    maxMemoryBytes: info.maxMemoryBytes,
    rssBytes: active ? (sample?.memoryMib ?? 0n) * MIB : 0n,
    blocks: active ? disks.map((disk) => blockOf(disk, sampler)) : [],
    interfaces: active ? nics.map((nic) => interfaceOf(nic, counters)) : [],
  };
}

function blockOf({ place, file }: PlacedDisk, sampler: Sampler): BlockStats {
  const counted = diskCountersOf(sampler.counters, file);
  return {
    ...{ target: targetOf(place), source: file },
    readRequests: whole(counted?.ReadOperationsPerSec),
    ...{ readBytes: counted?.ReadBytesPersec, readTimeNs: undefined },
    writeRequests: whole(counted?.WriteOperationsPerSec),
    ...{ writeBytes: counted?.WriteBytesPersec, writeTimeNs: undefined },
    ...{ flushRequests: whole(counted?.FlushCount), flushTimeNs: undefined },
    ...{ allocationBytes: undefined, capacityBytes: sampler.sizeOf(file), physicalBytes: undefined },
  };
}

function interfaceOf({ portId, mac }: PlacedNic, counters: Counters): InterfaceStats {
  const counted = cardCountersOf(counters, portId);
  return {
    ...{ device: "", mac },
    ...{ receiveBytes: counted?.BytesReceivedPersec, receivePackets: counted?.PacketsReceivedPersec },
    ...{ receiveErrors: undefined, receiveDrops: counted?.DroppedPacketsIncomingPersec },
    ...{ transmitBytes: counted?.BytesSentPersec, transmitPackets: counted?.PacketsSentPersec },
    ...{ transmitErrors: undefined, transmitDrops: counted?.DroppedPacketsOutgoingPersec },
  };
}

function whole(value: number | undefined): bigint | undefined {
  return value === undefined ? undefined : BigInt(value);
}
