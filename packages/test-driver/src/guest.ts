import type { BlockJobInfo } from "@virtmesh/core/driver/block-jobs";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { DomainState } from "@virtmesh/core/domain/state";
import type { DomainUuid } from "@virtmesh/core/ids";
import { type Definition, disksOf, graphicsOf, interfacesOf } from "./definition.ts";
import type { Console } from "./console.ts";

/** One guest of the test hypervisor. */
export interface Guest {
  readonly uuid: DomainUuid;
  name: string;
  /** What it starts from; undefined for a transient guest. */
  persistent: Definition | undefined;
  instance: Instance | undefined;
  autostart: boolean;
  /** State and reason while no instance exists. */
  ended: { readonly state: DomainState; readonly reason: string };
  /** The latest that counted: what can be said of a transient guest that has just ended. */
  latest: Definition;
  /** What the next start goes on from. */
  saved: SavedGuest | undefined;
  /** By name, parents before their children. */
  readonly snapshots: Map<string, StoredSnapshot>;
  /** Name of the one that its disks are based on; empty without one. */
  currentSnapshot: string;
}

/** A guest that runs. */
export interface Instance {
  readonly id: number;
  definition: Definition;
  state: DomainState;
  reason: string;
  readonly startTimeMs: number;
  /** For the CPU time: how long it ran before its last pause, and since when it runs now. */
  ranMs: number;
  runningSinceMs: number | undefined;
  /** Ends everything that happens inside it. */
  readonly life: AbortController;
  readonly jobs: Map<string, BlockJobInfo>;
  console: Console | undefined;
}

/** What a file, or a managed save, has of a guest. */
export interface SavedGuest {
  readonly definition: Definition;
  readonly running: boolean;
}

/** One snapshot of a guest in memory: its definition, and what its images held. */
export interface StoredSnapshot {
  readonly name: string;
  readonly description: string;
  readonly parent: string;
  readonly createTimeMs: number;
  readonly state: DomainState;
  readonly memory: boolean;
  readonly definition: Definition;
  readonly images: ReadonlyMap<string, Buffer>;
}

/** The definition that counts now: the running one, else that for the next start. */
export function currentDefinition(guest: Guest): Definition {
  return guest.instance?.definition ?? guest.persistent ?? guest.latest;
}

export function infoOf(guest: Guest): DomainInfo {
  const { instance, persistent } = guest;
  const { model } = currentDefinition(guest);
  return {
    uuid: guest.uuid,
    name: guest.name,
    state: instance?.state ?? guest.ended.state,
    stateReason: instance?.reason ?? guest.ended.reason,
    type: model.type,
    persistent: persistent !== undefined,
    autostart: guest.autostart,
    updated:
      instance !== undefined && persistent !== undefined && persistent.etag !== instance.definition.etag,
    vcpus: model.vcpu.current ?? model.vcpu.count,
    memoryBytes: model.currentMemory?.bytes ?? model.memory.bytes,
    maxMemoryBytes: model.memory.bytes,
    title: model.title ?? "",
    description: model.description ?? "",
    disks: disksOf(model),
    interfaces: interfacesOf(model),
    graphics: graphicsOf(model),
    etag: (persistent ?? currentDefinition(guest)).etag,
    startTimeMs: instance?.startTimeMs ?? 0,
    id: instance?.id ?? 0,
    managedSave: guest.saved !== undefined,
  };
}

/** How long its CPUs have run, in milliseconds. */
export function ranMs(instance: Instance, nowMs: number): number {
  return instance.ranMs + (instance.runningSinceMs === undefined ? 0 : nowMs - instance.runningSinceMs);
}
