import { RunFolder } from "@virtmesh/agent/guests/run-folder";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { excessOf } from "../lxc/sockets.ts";
import type { ProcessId, RunDisk } from "./container.ts";

const UUID_BYTES = 36;
/** LXC's monitor goes through a container's folder before it has its rights. */
const MODE = 0o711;

/** What an agent must know to take up a container that an earlier one started: `<path>/<uuid>/status.json`. */
export interface RunStatus {
  readonly format: 1;
  readonly uuid: DomainUuid;
  readonly name: string;
  readonly id: number;
  readonly startTimeMs: number;
  readonly etag: string;
  /** What runs. */
  readonly xml: string;
  /** Absent between the decision to start and the start. */
  readonly init?: ProcessId;
  readonly disks: Readonly<Record<string, RunDisk>>;
}

/** LXC's folder of containers, as its tools take it with -P: for each that runs its configuration, its log and its status. */
export type ContainerFolder = RunFolder<RunStatus>;

/** @throws HOST_SETUP when the path is too long for the names of LXC's sockets */
export async function openContainerFolder(path: string): Promise<ContainerFolder> {
  const excess = excessOf(path, UUID_BYTES);
  if (excess > 0) {
    throw new VirtError(
      "HOST_SETUP",
      `the run directory ${path} is ${excess} bytes too long for sockets of containers in it; choose a shorter one`,
    );
  }
  return await RunFolder.open(path, MODE);
}
