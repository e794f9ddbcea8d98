import { join } from "node:path";
import { type CellResult, runCell } from "./cell.ts";
import type { Cell } from "./cells/matrix.ts";
import { Chance, seedOf } from "./lab/chance.ts";
import { type Recordings, resultLine } from "./recordings.ts";
import { Stages } from "./stages.ts";

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
      options.json?.(JSON.stringify(resultLine(result)));
      options.progress(`${results.length}/${total} ${spoken(result)}`);
      await stages.after(result, options.progress);
    }
  }
  return results;
}

function spoken(r: CellResult): string {
  if (r.ok) return `${r.cell}: ${r.outcome}, safe after ${r.safeMs} ms`;
  const what = [...r.problems, ...r.leftovers].join("; ");
  return `${r.cell}: FAILED: ${what} (replay: npm run faults -- --seed ${r.seed})`;
}
