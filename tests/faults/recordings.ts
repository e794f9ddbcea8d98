import { appendFile, cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "@virtmesh/core/errors";
import { repositoryRoot } from "@virtmesh/lab/repository";
import type { CellResult } from "./cell.ts";
import { bigintIn, type Seen } from "./lab/listener.ts";

/** What a cell's machines were fed with, as it was kept. */
export interface Recording {
  readonly cell: string;
  readonly seed: string;
  readonly seen: readonly Seen[];
}

const FOLDER = ".cache/faults";
const RESULTS = "results.jsonl";

/** The facts of every cell of the last runs by its seed, and of those that failed the logs too. */
export class Recordings {
  readonly dir = join(repositoryRoot(), FOLDER);

  async keep(result: CellResult, logDir: string): Promise<void> {
    const { cell, seed, seen, ok } = result;
    const folder = join(this.dir, seed);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    const lines = [{ cell, seed }, ...seen].map((line) => JSON.stringify(line, bigintOut));
    await writeFile(join(folder, "facts.jsonl"), `${lines.join("\n")}\n`);
    if (!ok) await cp(logDir, join(folder, "log"), { recursive: true });
    await appendFile(
      join(this.dir, RESULTS),
      `${JSON.stringify({ ...resultLine(result), at: Date.now() })}\n`,
    );
  }

  /** Results of this and earlier runs, oldest first. */
  async results(): Promise<readonly KeptResult[]> {
    const text = await readFile(join(this.dir, RESULTS), "utf8");
    return text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as KeptResult);
  }
}

/** One cell in one round, as `--json` prints it. */
export interface ResultLine {
  readonly cell: string;
  readonly ok: boolean;
  readonly ran_on: string | null;
  readonly safe_ms: number;
  readonly leftovers: readonly string[];
  readonly outcome: CellResult["outcome"];
  readonly took_ms: number;
  readonly seed: string;
  readonly problems: readonly string[];
}

export interface KeptResult extends ResultLine {
  readonly at: number;
}

export function resultLine(r: CellResult): ResultLine {
  return {
    cell: r.cell,
    ok: r.ok,
    ran_on: r.ranOn === "" ? null : r.ranOn,
    safe_ms: r.safeMs,
    leftovers: r.leftovers,
    outcome: r.outcome,
    took_ms: r.tookMs,
    seed: r.seed,
    problems: r.problems,
  };
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

function bigintOut(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? { $bigint: value.toString() } : value;
}
