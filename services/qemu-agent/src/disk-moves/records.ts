import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { removeDurably, writeDurably } from "@virtmesh/agent/journal/durable-file";
import type { DiskMove } from "@virtmesh/core/driver/disk-moves";
import { systemCode, VirtError } from "@virtmesh/core/errors";
import type { FileIdentity } from "../migration/made-images.ts";

/** One move as it is remembered: `<state>/disk-moves/<id>.json`, written before each thing that it says is done. */
export interface DiskMoveRecord {
  readonly move: DiskMove;
  /** `pivoting`: the CPUs stand still, or are about to, until the definitions name the image that the device uses. */
  readonly phase: "copying" | "pivoting";
  /** The CPUs were stopped for the pivot, and go on after it. */
  readonly resume: boolean;
  readonly sinceMs: number;
  readonly from: string;
  /** The old image, where that is a plain file. */
  readonly fromFile?: FileIdentity | undefined;
  readonly format: string;
  /** The new image, once it is made. */
  readonly file?: FileIdentity;
  /** Nodes of the old image and of the new one. */
  readonly oldNodes: Nodes;
  readonly newNodes: Nodes;
}

export interface Nodes {
  readonly format: string;
  readonly storage: string;
  /** They have the second pair of names. */
  readonly second: boolean;
}

export class DiskMoveRecords {
  readonly #dir: string;

  constructor(stateDir: string) {
    this.#dir = join(stateDir, "disk-moves");
  }

  async write(record: DiskMoveRecord): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    const text = JSON.stringify(record, (_, v: unknown) => (typeof v === "bigint" ? v.toString() : v), 2);
    await writeDurably(this.#path(record.move.id), `${text}\n`);
  }

  /** All that can be read; `leftAside` hears of the others, which stay where they are. */
  async all(leftAside: (e: VirtError) => void): Promise<readonly DiskMoveRecord[]> {
    const names = await readdir(this.#dir).catch((e: unknown) => {
      if (systemCode(e) === "ENOENT") return [];
      throw e;
    });
    const records: DiskMoveRecord[] = [];
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

  async remove(id: string): Promise<void> {
    await removeDurably(this.#path(id));
  }

  #path(id: string): string {
    return join(this.#dir, `${id}.json`);
  }
}

function parse(text: string): DiskMoveRecord {
  const record = JSON.parse(text) as DiskMoveRecord;
  return { ...record, move: { ...record.move, bytesPerSecond: BigInt(record.move.bytesPerSecond) } };
}
