import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeDurably } from "@virtmesh/agent/journal/durable-file";
import { VirtError } from "@virtmesh/core/errors";
import { type DomainUuid, parseUuid } from "@virtmesh/core/ids";
import { excessOf } from "../lxc/sockets.ts";
import type { ProcessId, RunDisk } from "./container.ts";

const UUID_BYTES = 36;

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

/** LXC's folder of containers: for each that runs its configuration, its log and its status. */
export class RunFolder {
  /** As LXC's tools take it with -P. */
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** @throws HOST_SETUP when the path is too long for the names of LXC's sockets */
  static async open(path: string): Promise<RunFolder> {
    const excess = excessOf(path, UUID_BYTES);
    if (excess > 0) {
      throw new VirtError(
        "HOST_SETUP",
        `the run directory ${path} is ${excess} bytes too long for sockets of containers in it; choose a shorter one`,
      );
    }
    await mkdir(path, { recursive: true, mode: 0o700 });
    return new RunFolder(path);
  }

  of(uuid: DomainUuid, file = ""): string {
    return join(this.path, uuid, file);
  }

  /** Makes the folder of a container anew, without anything of an earlier run. */
  async create(uuid: DomainUuid): Promise<void> {
    await rm(this.of(uuid), { recursive: true, force: true });
    // LXC's monitor goes through it before it has its rights.
    await mkdir(this.of(uuid), { mode: 0o711 });
  }

  async save(status: RunStatus): Promise<void> {
    await writeDurably(this.of(status.uuid, "status.json"), `${JSON.stringify(status, undefined, 2)}\n`);
  }

  async remove(uuid: DomainUuid): Promise<void> {
    await rm(this.of(uuid), { recursive: true, force: true });
  }

  /** Every status there is; what cannot be read goes to `onDamaged` and stays. */
  async load(onDamaged: (error: VirtError) => void): Promise<readonly RunStatus[]> {
    const names = (await readdir(this.path)).filter((name) => parseUuid(name) === name);
    const loaded = await Promise.all(
      names.map(async (name): Promise<readonly RunStatus[]> => {
        const path = join(this.path, name, "status.json");
        try {
          const status = JSON.parse(await readFile(path, "utf8")) as RunStatus;
          if (status.format === 1 && status.uuid === name) return [status];
          throw new VirtError("INTERNAL", "it is not a status of this container in a format known here");
        } catch (e) {
          onDamaged(new VirtError("INTERNAL", `the status in ${path} cannot be used`, {}, { cause: e }));
          return [];
        }
      }),
    );
    return loaded.flat();
  }
}
