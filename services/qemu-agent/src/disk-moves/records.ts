import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { removeDurably, writeDurably } from "@virtmesh/agent/journal/durable-file";
import type { DiskMove } from "@virtmesh/core/driver/disk-moves";
import { systemCode } from "@virtmesh/core/errors";

/** One move as it is remembered: `<state>/disk-moves/<id>.json`, written before each thing that it says is done. */
export interface DiskMoveRecord {
  readonly move: DiskMove;
  /** `pivoting`: the CPUs stand still, so both images hold the same when the job has ended. */
  readonly phase: "copying" | "pivoting";
  /** The CPUs were stopped for the pivot, and go on after it. */
  readonly resume: boolean;
  readonly from: string;
  readonly fromFormat: string;
  readonly format: string;
  /** Nodes of the old image and of the new one. */
  readonly oldNodes: Nodes;
  readonly newNodes: Nodes;
}

export interface Nodes {
  readonly format: string;
  readonly storage: string;
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

  async all(): Promise<readonly DiskMoveRecord[]> {
    const names = await readdir(this.#dir).catch((e: unknown) => {
      if (systemCode(e) === "ENOENT") return [];
      throw e;
    });
    return Promise.all(
      names
        .filter((name) => name.endsWith(".json"))
        .map(async (name) => parse(await readFile(join(this.#dir, name), "utf8"))),
    );
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
