import type { Host } from "@virtmesh/api/gen/virtmesh/v1/host";
import type { HostInfo } from "@virtmesh/core/driver/host";
import { dateOf } from "./domain.ts";

export function toWireHost(
  info: HostInfo,
  agent: {
    readonly uri: string;
    readonly host: string;
    readonly hypervisor: string;
    readonly version: string;
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
  };
}
