import { KeptGuest, type KeptRun } from "@virtmesh/agent/guests/kept-guest";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { CgroupPlaces } from "../cgroup/places.ts";
import type { RunGuard } from "./guard.ts";
import type { Standing } from "./story.ts";

/** A process of the host: a pid alone may be another's by now. */
export interface ProcessId {
  readonly pid: number;
  readonly startTicks: number;
}

/** A container that runs. */
export interface Run extends KeptRun {
  standing: Standing;
  /** Its first process; another one after a reboot. */
  init: ProcessId;
  places: CgroupPlaces;
  /** Devices of the host for disks, by target: `/dev/loop3` where one was made for a file. */
  disks: Readonly<Record<string, RunDisk>>;
  /** From when on others have been told that it started. */
  guard: RunGuard | undefined;
  destroyed: boolean;
}

export interface RunDisk {
  readonly device: string;
  /** `7:3`. */
  readonly number: string;
  /** It was made for this run and goes with it. */
  readonly made: boolean;
}

/** One container of this host. */
export class Container extends KeptGuest<Run> {
  constructor(definition: IdentifiedDomain) {
    super("container", definition);
  }
}
