import { readFileSync } from "node:fs";
import { interfaceStats, readHostCounters } from "@virtmesh/agent/machine/interface-counters";
import type { BlockStats, DomainStats, InterfaceStats } from "@virtmesh/core/driver/domains";
import { sourcePath } from "@virtmesh/documents/domain/devices/disk";
import type { Guest, Run } from "../guests/guest.ts";
import type { Sampler } from "./sampler.ts";
import { virtualDevice } from "./virtual-device.ts";

const SECTOR = 512n;
const KIB = 1024n;
const BACKENDS = "/sys/bus/xen-backend/devices";

/** Numbers of a guest: its devices' as of this moment, which dom0's kernel knows, and Xen's as xentop said them last. */
export function statsOf(guest: Guest, sampler: Sampler): DomainStats {
  const { definition, run } = guest;
  const found = run === undefined ? undefined : sampler.of(guest.name);
  // What was said before it started was of an earlier run.
  const sample = found !== undefined && found.timeMs > (run?.startTimeMs ?? 0) ? found : undefined;
  const maxMemoryBytes = definition.memory.bytes;
  const memoryBytes =
    sample === undefined
      ? (definition.currentMemory?.bytes ?? maxMemoryBytes)
      : BigInt(sample.memoryKiB) * KIB;
  return {
    uuid: guest.uuid,
    name: guest.name,
    state: guest.state,
    stateReason: guest.reason,
    sampleTimeMs: run === undefined ? 0 : (sample?.timeMs ?? Date.now()),
    cpuTimeNs: BigInt(sample?.cpuSeconds ?? 0) * 1_000_000_000n,
    vcpus: definition.vcpu.current ?? definition.vcpu.count,
    memoryBytes: run === undefined ? 0n : memoryBytes,
    maxMemoryBytes,
    rssBytes: BigInt(sample?.memoryKiB ?? 0) * KIB,
    blocks: run === undefined ? [] : blocksOf(run),
    interfaces: run === undefined ? [] : interfacesOf(run),
  };
}

function blocksOf({ id, definition }: Run): readonly BlockStats[] {
  return definition.devices.disks.map((disk) => {
    const folder = `${BACKENDS}/vbd-${id}-${virtualDevice(disk.target.dev) ?? ""}`;
    const count = (name: string): bigint => numberIn(`${folder}/statistics/${name}`);
    const size = sizeOf(folder);
    return {
      target: disk.target.dev,
      source: sourcePath(disk) ?? "",
      readRequests: count("rd_req"),
      readBytes: count("rd_sect") * SECTOR,
      writeRequests: count("wr_req"),
      writeBytes: count("wr_sect") * SECTOR,
      flushRequests: count("f_req"),
      ...{ readTimeNs: undefined, writeTimeNs: undefined, flushTimeNs: undefined },
      ...{ allocationBytes: size, capacityBytes: size, physicalBytes: size },
    };
  });
}

/** Of the device of dom0 that a disk is served from, whose number stands there in hexadecimal. */
function sizeOf(folder: string): bigint {
  const [major, minor] = textIn(`${folder}/physical_device`)
    .split(":")
    .map((n) => Number.parseInt(n, 16));
  return major === undefined || minor === undefined
    ? 0n
    : numberIn(`/sys/dev/block/${major}:${minor}/size`) * SECTOR;
}

function interfacesOf({ id, definition, cards }: Run): readonly InterfaceStats[] {
  return definition.devices.interfaces.flatMap((nic) => {
    const mac = nic.mac?.address ?? "";
    const number = cards.get(mac.toLowerCase());
    const device = nic.target?.dev ?? (number === undefined ? undefined : `vif${id}.${number}`);
    const counters = device === undefined ? undefined : readHostCounters(device);
    return device === undefined || counters === undefined ? [] : [interfaceStats(device, mac, counters)];
  });
}

/** sysfs answers from memory, so this does not wait for anything. Nothing is there for what has just gone. */
function textIn(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}

function numberIn(path: string): bigint {
  const text = textIn(path);
  return /^\d+$/.test(text) ? BigInt(text) : 0n;
}
