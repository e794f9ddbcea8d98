import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { DiskMove } from "@virtmesh/core/driver/disk-moves";
import { systemCode, VirtError } from "@virtmesh/core/errors";
import { removeDurably, writeDurably } from "../journal/durable-file.ts";

/** Moves as a driver remembers them: `<state>/disk-moves/<id>.json`, written before each thing that it says is done. */
export class DiskMoveRecords<R extends { readonly move: DiskMove }> {
  readonly #dir: string;

  constructor(stateDir: string) {
    this.#dir = join(stateDir, "disk-moves");
  }

  async write(record: R): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    const text = JSON.stringify(record, (_, v: unknown) => (typeof v === "bigint" ? v.toString() : v), 2);
    await writeDurably(this.#path(record.move.id), `${text}\n`);
  }

  /** All that can be read; `leftAside` hears of the others, which stay where they are. */
  async all(leftAside: (e: VirtError) => void): Promise<readonly R[]> {
    const names = await readdir(this.#dir).catch((e: unknown) => {
      if (systemCode(e) === "ENOENT") return [];
      throw e;
    });
    const records: R[] = [];
    for (const name of names.filter((each) => each.endsWith(".json"))) {
      const path = join(this.#dir, name);
      try {
        records.push(parse(await readFile(path, "utf8")));
      } catch (cause) {
        leftAside(new VirtError("INTERNAL", `${path} is no record of a move of a disk`, {}, { cause }));
      }
    }
    return records;
  }

  /** @throws OPERATION_NOT_FOUND */
  async require(id: string): Promise<R> {
    const found = (await this.all(() => undefined)).find(({ move }) => move.id === id);
    if (found !== undefined) return found;
    throw new VirtError("OPERATION_NOT_FOUND", `there is no record of the move ${id}`);
  }

  async remove(id: string): Promise<void> {
    await removeDurably(this.#path(id));
  }

  #path(id: string): string {
    return join(this.#dir, `${id}.json`);
  }
}

function parse<R extends { readonly move: DiskMove }>(text: string): R {
  const record = JSON.parse(text) as R;
  return { ...record, move: { ...record.move, bytesPerSecond: BigInt(record.move.bytesPerSecond) } };
}
