import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import { parseUuid, type DomainUuid } from "@virtmesh/core/ids";
import { writeDurably } from "@virtmesh/agent/journal/durable-file";
import type { InstanceStatus } from "./instance-status.ts";

/** Longest name that is made in a guest's directory: `console-charserial12.sock~`. */
const LONGEST_NAME = 28;
/** sun_path of unix(7) without its final zero. */
const MAX_SOCKET_PATH = 107;

/** The directories of running guests: `<run>/<uuid>/`, with their status, their sockets and their pidfile. */
export class StatusStore {
  /** @throws HOST_SETUP when the path is too long for sockets below it. */
  static async open(runDir: string): Promise<StatusStore> {
    const longest = Buffer.byteLength(runDir) + 1 + 36 + 1 + LONGEST_NAME;
    if (longest > MAX_SOCKET_PATH) {
      const excess = longest - MAX_SOCKET_PATH;
      throw new VirtError(
        "HOST_SETUP",
        `the run directory ${runDir} is ${excess} bytes too long for sockets of guests in it; choose a shorter one`,
      );
    }
    await mkdir(runDir, { recursive: true, mode: 0o700 });
    return new StatusStore(runDir);
  }

  readonly #runDir: string;

  private constructor(runDir: string) {
    this.#runDir = runDir;
  }

  /** The directory of a running guest. */
  directory(uuid: DomainUuid): string {
    return join(this.#runDir, uuid);
  }

  /** Makes the directory anew, without anything of an earlier run. */
  async create(uuid: DomainUuid): Promise<string> {
    const directory = this.directory(uuid);
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { mode: 0o700 });
    return directory;
  }

  async save(status: InstanceStatus): Promise<void> {
    await writeDurably(
      join(this.directory(status.uuid), "status.json"),
      `${JSON.stringify(status, undefined, 2)}\n`,
    );
  }

  async remove(uuid: DomainUuid): Promise<void> {
    await rm(this.directory(uuid), { recursive: true, force: true });
  }

  /** Every status there is; what cannot be read goes to `onDamaged` and stays. */
  async load(onDamaged: (error: VirtError) => void): Promise<readonly InstanceStatus[]> {
    const names = (await readdir(this.#runDir)).filter((name) => parseUuid(name) === name);
    const loaded = await Promise.all(
      names.map(async (name): Promise<readonly InstanceStatus[]> => {
        const path = join(this.#runDir, name, "status.json");
        try {
          const status = JSON.parse(await readFile(path, "utf8")) as InstanceStatus;
          if (status.format !== 1 || status.uuid !== name) {
            throw new VirtError("INTERNAL", "it is not a status of this guest in a format known here");
          }
          return [status];
        } catch (e) {
          onDamaged(new VirtError("INTERNAL", `the status in ${path} cannot be used`, {}, { cause: e }));
          return [];
        }
      }),
    );
    return loaded.flat();
  }
}

/** Writes of one guest's status, one after the other; of those that wait only the latest is written. */
export class StatusWriter {
  readonly #store: StatusStore;
  readonly #onError: (error: unknown) => void;
  #next: InstanceStatus | undefined;
  #writing: Promise<void> | undefined;

  constructor(store: StatusStore, onError: (error: unknown) => void) {
    this.#store = store;
    this.#onError = onError;
  }

  /** Writes it soon; errors go to `onError`. */
  update(status: InstanceStatus): void {
    this.#next = status;
    this.#writing ??= this.#drain();
  }

  /** Resolves when everything handed in so far is durable. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async #drain(): Promise<void> {
    while (this.#next) {
      const status = this.#next;
      this.#next = undefined;
      try {
        await this.#store.save(status);
      } catch (e) {
        this.#onError(e);
      }
    }
    this.#writing = undefined;
  }
}
