import type { DomainUuid, MigrationId } from "@virtmesh/core/ids";
import type { Situation } from "../domain/translate.ts";

/** What an agent must know to take up a running guest that an earlier one started: `<run>/<uuid>/status.json`. */
export interface InstanceStatus {
  readonly format: 1;
  readonly uuid: DomainUuid;
  readonly name: string;
  /** Absent between the decision to start and the start: an agent that finds that ends what it may find. */
  readonly process?: { readonly pid: number; readonly startTicks: number };
  /** Small number of the running instance. */
  readonly id: number;
  readonly startTimeMs: number;
  /** Hash of the definition it was started from. */
  readonly etag: string;
  readonly situation: Situation;
  /** What runs: the definition with what was allotted at its start. */
  readonly xml: string;
  readonly logPath: string;
  /** Host ports by place in `devices.graphics`. */
  readonly vncPorts: Readonly<Record<string, number>>;
  /** Interfaces on the host by alias; those that were made for it go with it. */
  readonly taps: Readonly<Record<string, { readonly ifname: string; readonly made: boolean }>>;
  /** Unix sockets of consoles by chardev id. */
  readonly consoles: Readonly<Record<string, string>>;
  /** Disks by target that were moved and have the second pair of node names. */
  readonly secondNodes?: readonly string[];
  /** It waits for, or is part of, a migration. An incoming guest is no guest of this host before it was adopted. */
  readonly migration?: InstanceMigration;
  /** Devices by alias in which what runs differs from the definition of the next start since it was started. */
  readonly deviations?: readonly string[];
  /** A device that was being plugged in or out: an agent that finds that brings it to an end. */
  readonly change?: HardwareChange;
}

export interface HardwareChange {
  readonly kind: "attach" | "detach";
  /** What runs when it is done. */
  readonly xml: string;
  /** The definition for the next start when it is done, where that changes too. */
  readonly persistentXml?: string;
  /** Interfaces on the host that were made for it, by alias. */
  readonly taps: Readonly<Record<string, { readonly ifname: string; readonly made: boolean }>>;
}

export interface InstanceMigration {
  readonly id: MigrationId;
  /** `pulling`: it runs here and fetches memory from where it came from. */
  readonly side: "out" | "in" | "pulling";
}
