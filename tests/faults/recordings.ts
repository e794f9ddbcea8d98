import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "@virtmesh/core/errors";
import { repositoryRoot } from "@virtmesh/lab/repository";
import type { CellResult } from "./cell.ts";
import type { Seen } from "./lab/listener.ts";

/** What a cell's machines were fed with, as it was kept. */
export interface Recording {
  readonly cell: string;
  readonly seed: string;
  readonly seen: readonly Seen[];
}

const FOLDER = ".cache/faults";

/** The facts of every cell of the last runs by its seed, and of those that failed the logs too. */
export class Recordings {
  readonly dir = join(repositoryRoot(), FOLDER);

  async keep({ cell, seed, seen, ok }: CellResult, logDir: string): Promise<void> {
    const folder = join(this.dir, seed);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    const lines = [{ cell, seed }, ...seen].map((line) => JSON.stringify(line));
    await writeFile(join(folder, "facts.jsonl"), `${lines.join("\n")}\n`);
    if (!ok) await cp(logDir, join(folder, "log"), { recursive: true });
  }
}

/** undefined when no cell with this seed was run here. */
export async function readRecording(seed: string): Promise<Recording | undefined> {
  if (!/^[0-9a-f]{8}$/.test(seed)) return undefined;
  try {
    const text = await readFile(join(repositoryRoot(), FOLDER, seed, "facts.jsonl"), "utf8");
    const [head = "{}", ...rest] = text.trim().split("\n");
    return {
      ...(JSON.parse(head) as Pick<Recording, "cell" | "seed">),
      seen: rest.map((line) => JSON.parse(line, bigintIn) as Seen),
    };
  } catch (e) {
    if (systemCode(e) === "ENOENT") return undefined;
    throw e;
  }
}

function bigintIn(_key: string, value: unknown): unknown {
  return typeof value === "object" && value !== null && "$bigint" in value
    ? BigInt(String(value.$bigint))
    : value;
}
