import { readFileSync } from "node:fs";
import type { BlockStats, DomainStats, InterfaceStats } from "@virtmesh/core/driver/domains";
import { interfaceStats, readHostCounters } from "@virtmesh/agent/machine/interface-counters";
import { sourcePath } from "@virtmesh/documents/domain/devices/disk";
import { type DiskUsage, readUsage, type Usage } from "../cgroup/usage.ts";
import type { Container, Run } from "../containers/container.ts";

const SECTOR = 512n;

/** Numbers of a container as of this moment: all of them are the kernel's own and cost next to nothing to read. */
export function statsOf(container: Container): DomainStats {
  const { definition, run } = container;
  const usage = run && readUsage(run.places);
  const maxMemoryBytes = definition.memory.bytes;
  return {
    uuid: container.uuid,
    name: container.name,
    state: container.state,
    stateReason: container.reason,
    sampleTimeMs: usage === undefined ? 0 : Date.now(),
    cpuTimeNs: usage?.cpuTimeNs ?? 0n,
    vcpus: definition.vcpu.current ?? definition.vcpu.count,
    memoryBytes: run === undefined ? 0n : (definition.currentMemory?.bytes ?? maxMemoryBytes),
    maxMemoryBytes,
    rssBytes: usage?.memoryBytes ?? 0n,
    blocks: run === undefined || usage === undefined ? [] : blocksOf(run, usage),
    interfaces: run === undefined ? [] : interfacesOf(run),
  };
}

function blocksOf({ definition, disks }: Run, usage: Usage): readonly BlockStats[] {
  return definition.devices.disks.flatMap((disk) => {
    const used = disks[disk.target.dev];
    if (used === undefined) return [];
    const none: DiskUsage = { readBytes: 0n, writeBytes: 0n, readRequests: 0n, writeRequests: 0n };
    const size = sizeOf(used.number);
    return [
      {
        target: disk.target.dev,
        source: sourcePath(disk) ?? used.device,
        ...(usage.disks.get(used.number) ?? none),
        ...{
          readTimeNs: undefined,
          writeTimeNs: undefined,
          flushRequests: undefined,
          flushTimeNs: undefined,
        },
        ...{ allocationBytes: size, capacityBytes: size, physicalBytes: size },
      },
    ];
  });
}

function sizeOf(number: string): bigint {
  try {
    return BigInt(readFileSync(`/sys/dev/block/${number}/size`, "utf8").trim()) * SECTOR;
  } catch {
    return 0n;
  }
}

function interfacesOf({ definition }: Run): readonly InterfaceStats[] {
  return definition.devices.interfaces.flatMap((nic) => {
    const device = nic.target?.dev;
    const counters = device === undefined ? undefined : readHostCounters(device);
    return device === undefined || counters === undefined
      ? []
      : [interfaceStats(device, nic.mac?.address ?? "", counters)];
  });
}
