import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { removeDurably, writeDurably } from "@virtmesh/agent/journal/durable-file";
import { runTool } from "@virtmesh/agent/machine/run-tool";
import type { DomainState } from "@virtmesh/core/domain/state";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";

/** A copy of a container's files with what it was made of. */
export interface StoredSnapshot {
  readonly name: string;
  readonly description: string;
  /** Empty for a root. */
  readonly parent: string;
  readonly createTimeMs: number;
  readonly state: DomainState;
  /** The definition of then. */
  readonly xml: string;
}

const COPY_MS = 3_600_000;

/** Snapshots of containers: `<uuid>/<hash of the name>/` with `snapshot.json` and `files/`, and `<uuid>/current`. */
export class SnapshotStore {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async open(dir: string): Promise<SnapshotStore> {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    return new SnapshotStore(dir);
  }

  /** Parents before their children. */
  async list(uuid: DomainUuid): Promise<readonly StoredSnapshot[]> {
    const names = await readdir(join(this.#dir, uuid)).catch(() => []);
    const all = await Promise.all(
      names
        .filter((name) => /^[0-9a-f]{32}$/.test(name))
        .map((name) => this.#read(join(this.#dir, uuid, name, "snapshot.json"))),
    );
    return all.toSorted((a, b) => a.createTimeMs - b.createTimeMs || (a.parent === b.name ? 1 : -1));
  }

  /** Empty for none. */
  async current(uuid: DomainUuid): Promise<string> {
    return await readFile(join(this.#dir, uuid, "current"), "utf8").catch(() => "");
  }

  async setCurrent(uuid: DomainUuid, name: string): Promise<void> {
    const path = join(this.#dir, uuid, "current");
    await (name === "" ? removeDurably(path) : writeDurably(path, name));
  }

  /** Copies the files; whole when it resolves, and nothing of it is there when it throws. */
  async create(
    uuid: DomainUuid,
    snapshot: StoredSnapshot,
    files: string,
    signal: AbortSignal,
  ): Promise<void> {
    const folder = this.#folder(uuid, snapshot.name);
    const making = `${folder}.new`;
    await rm(making, { recursive: true, force: true });
    await mkdir(making, { recursive: true, mode: 0o700 });
    try {
      await copy(files, join(making, "files"), signal);
      await this.#write(making, snapshot);
      await rename(making, folder);
    } catch (e) {
      await rm(making, { recursive: true, force: true });
      throw e;
    }
  }

  /** Puts the files of a snapshot in the place of what is there now, in one step; what was there is gone. */
  async restore(uuid: DomainUuid, name: string, files: string, signal: AbortSignal): Promise<void> {
    const [coming, going] = [`${files}.reverting`, `${files}.reverted`];
    await rm(coming, { recursive: true, force: true });
    try {
      await copy(join(this.#folder(uuid, name), "files"), coming, signal);
      await rename(files, going);
      await rename(coming, files);
    } catch (e) {
      await rm(coming, { recursive: true, force: true });
      throw new VirtError(
        "HOST_SETUP",
        `the files at ${files} could not be replaced by those of snapshot "${name}"`,
        {},
        { cause: e },
      );
    }
    await rm(going, { recursive: true, force: true });
  }

  /** Its children become those of its parent. */
  async remove(uuid: DomainUuid, { name, parent }: StoredSnapshot): Promise<void> {
    for (const child of await this.list(uuid)) {
      if (child.parent === name) await this.#write(this.#folder(uuid, child.name), { ...child, parent });
    }
    if ((await this.current(uuid)) === name) await this.setCurrent(uuid, parent);
    await rm(this.#folder(uuid, name), { recursive: true });
  }

  async #write(folder: string, snapshot: StoredSnapshot): Promise<void> {
    await writeDurably(join(folder, "snapshot.json"), `${JSON.stringify(snapshot, undefined, 2)}\n`);
  }

  async #read(path: string): Promise<StoredSnapshot> {
    try {
      return JSON.parse(await readFile(path, "utf8")) as StoredSnapshot;
    } catch (cause) {
      throw new VirtError(
        "HOST_SETUP",
        `the snapshot in ${path} cannot be read; mend or remove it`,
        {},
        { cause },
      );
    }
  }

  #folder(uuid: DomainUuid, name: string): string {
    return join(this.#dir, uuid, createHash("sha256").update(name).digest("hex").slice(0, 32));
  }
}

/** With owners, rights, links and holes; blocks are shared where the file system can do that. */
async function copy(from: string, to: string, signal: AbortSignal): Promise<void> {
  await runTool(
    "cp",
    ["--archive", "--reflink=auto", "--sparse=auto", "--one-file-system", "--no-target-directory", from, to],
    {
      signal,
      timeoutMs: COPY_MS,
    },
  );
}
