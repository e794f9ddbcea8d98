import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { MigrationId } from "@virtmesh/core/ids";
import { removeDurably, writeDurably } from "@virtmesh/agent/journal/durable-file";
import type { MadeImage } from "./made-images.ts";

/** What an incoming migration makes on this host, written before it is made. */
export interface Made {
  readonly images: readonly MadeImage[];
  /** Where the source can send the rest of a post-copy's memory, whether or not QEMU answers its agent. */
  readonly door?: string;
}

export class IncomingRecords {
  readonly #dir: string;

  constructor(stateDir: string) {
    this.#dir = join(stateDir, "incoming");
  }

  async write(id: MigrationId, made: Made): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    await writeDurably(this.#path(id), `${JSON.stringify(made, undefined, 2)}\n`);
  }

  async read(id: MigrationId): Promise<Made | undefined> {
    try {
      return JSON.parse(await readFile(this.#path(id), "utf8")) as Made;
    } catch (e) {
      if (typeof e === "object" && e !== null && "code" in e && e.code === "ENOENT") return undefined;
      throw e;
    }
  }

  async remove(id: MigrationId): Promise<void> {
    await removeDurably(this.#path(id));
  }

  #path(id: MigrationId): string {
    return join(this.#dir, `${id}.json`);
  }
}
