import { join } from "node:path";
import { messageOf } from "@virtmesh/core/errors";
import { type CellResult, runCell } from "./cell.ts";
import type { Cell } from "./cells/matrix.ts";
import { Chance, seedOf } from "./lab/chance.ts";
import { Stage } from "./lab/stage.ts";
import type { Recordings } from "./recordings.ts";

export interface MatrixOptions {
  readonly rounds: number;
  /** Of the run; a new one unless told. */
  readonly seed?: string;
  /** It is the seed of the one cell that is run. */
  readonly exactly?: boolean;
  readonly pauseMs: number;
  readonly recordings: Recordings;
  readonly progress: (text: string) => void;
  readonly json?: (line: string) => void;
}

/** Runs every cell in every round, on hosts that are used again until a cell fails on them. */
export async function runMatrix(
  cells: readonly Cell[],
  options: MatrixOptions,
): Promise<readonly CellResult[]> {
  const seed = options.seed ?? crypto.randomUUID().slice(0, 8);
  const results: CellResult[] = [];
  const total = cells.length * options.rounds;
  options.progress(`${total} cells, seed ${seed}`);
  await using stages = new Stages();
  for (let round = 1; round <= options.rounds; round++) {
    for (const cell of cells) {
      const chance = new Chance(options.exactly === true ? seed : seedOf(seed, cell.name, round));
      const stage = await stages.ready();
      const result = await runCell(stage, cell, chance, options);
      results.push(result);
      await options.recordings.keep(result, join(stage.mesh.dir, "log"));
      options.json?.(jsonLine(result));
      options.progress(`${results.length}/${total} ${spoken(result)}`);
      await stages.after(result, options.progress);
    }
  }
  return results;
}

/** The hosts, made anew after a cell that failed: the next one must not suffer for it. */
class Stages implements AsyncDisposable {
  #stage: Stage | undefined;

  async ready(): Promise<Stage> {
    this.#stage ??= await Stage.start();
    return this.#stage;
  }

  async after(result: CellResult, progress: (text: string) => void): Promise<void> {
    if (result.ok && result.outcome !== "nowhere") return;
    try {
      if (result.ok) return await this.#stage?.boot();
    } catch (e) {
      progress(`the guest could not be booted again: ${messageOf(e)}`);
    }
    await this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stage = this.#stage;
    this.#stage = undefined;
    await stage?.[Symbol.asyncDispose]();
  }
}

function jsonLine(r: CellResult): string {
  return JSON.stringify({
    cell: r.cell,
    ok: r.ok,
    ran_on: r.ranOn === "" ? null : r.ranOn,
    safe_ms: r.safeMs,
    leftovers: r.leftovers,
    outcome: r.outcome,
    took_ms: r.tookMs,
    seed: r.seed,
    ...(r.problems.length === 0 ? {} : { problems: r.problems }),
  });
}

function spoken(r: CellResult): string {
  if (r.ok) return `${r.cell}: ${r.outcome}, safe after ${r.safeMs} ms`;
  const what = [...r.problems, ...r.leftovers].join("; ");
  return `${r.cell}: FAILED: ${what} (replay: npm run faults -- --seed ${r.seed})`;
}
