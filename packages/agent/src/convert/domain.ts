import type { Domain } from "@virtmesh/api/gen/virtmesh/v1/domain";
import type { DomainInfo, ParsedDomain } from "@virtmesh/core/driver/domains";
import { wireDomainState } from "./enums.ts";

/** What the agent knows of a guest beside what its driver does. */
export interface DomainPlace {
  readonly uri: string;
  readonly host: string;
  readonly generation: bigint;
  readonly currentOperation: string;
}

export function toWireDomain(info: DomainInfo, place: DomainPlace): Domain {
  return {
    uri: place.uri,
    host: place.host,
    uuid: info.uuid,
    name: info.name,
    state: wireDomainState(info.state),
    stateReason: info.stateReason,
    type: info.type,
    persistent: info.persistent,
    autostart: info.autostart,
    updated: info.updated,
    vcpus: info.vcpus,
    memoryBytes: info.memoryBytes,
    maxMemoryBytes: info.maxMemoryBytes,
    title: info.title,
    description: info.description,
    disks: [...info.disks],
    interfaces: [...info.interfaces],
    graphics: [...info.graphics],
    etag: info.etag,
    generation: place.generation,
    startTime: dateOf(info.startTimeMs),
    id: info.id,
    currentOperation: place.currentOperation,
    managedSave: info.managedSave ?? false,
  };
}

/** A definition that was only checked: what it would be called, and nothing that only acting could tell. */
export function toCheckedDomain(parsed: ParsedDomain, place: DomainPlace, persistent: boolean): Domain {
  return {
    uri: place.uri,
    host: place.host,
    uuid: parsed.uuid,
    name: parsed.name,
    state: wireDomainState("shutoff"),
    stateReason: "",
    type: "",
    persistent,
    autostart: false,
    updated: false,
    vcpus: 0,
    memoryBytes: 0n,
    maxMemoryBytes: 0n,
    title: "",
    description: "",
    disks: [],
    interfaces: [],
    graphics: [],
    etag: "",
    generation: place.generation,
    startTime: undefined,
    id: 0,
    currentOperation: place.currentOperation,
    managedSave: false,
  };
}

/** 0 is how core says "no time". */
export function dateOf(ms: number): Date | undefined {
  return ms === 0 ? undefined : new Date(ms);
}
