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
  /** How many cells are run at once. */
  readonly parallel: number;
  /** No cell is begun any more once it is aborted. */
  readonly signal: AbortSignal;
  readonly recordings: Recordings;
  readonly progress: (text: string) => void;
  readonly json?: (line: string) => void;
}

interface Turn {
  readonly cell: Cell;
  readonly round: number;
}

/**
 * Runs every cell in every round, on hosts that are used again until a cell fails on them. Most of a cell is waiting, so
 * several are run at once, each on hosts of its own.
 */
export async function runMatrix(
  cells: readonly Cell[],
  options: MatrixOptions,
): Promise<readonly CellResult[]> {
  const seed = options.seed ?? crypto.randomUUID().slice(0, 8);
  const results: CellResult[] = [];
  const rounds = Array.from({ length: options.rounds }, (_, i) => i + 1);
  const turns = rounds.flatMap((round) => cells.map((cell): Turn => ({ cell, round })));
  const total = turns.length;
  options.progress(`${total} cells, seed ${seed}`);

  const next = (): Turn | undefined => (options.signal.aborted ? undefined : turns.shift());

  async function play(stages: Stages, { cell, round }: Turn): Promise<void> {
    const chance = new Chance(options.exactly === true ? seed : seedOf(seed, cell.name, round));
    const stage = await stages.ready(options.progress);
    const result = await runCell(stage, cell, chance, options);
    results.push(result);
    await options.recordings.keep(result, join(stage.mesh.dir, "log"));
    options.json?.(JSON.stringify(resultLine(result)));
    options.progress(`${results.length}/${total} ${spoken(result)}`);
    await stages.after(result, options.progress);
  }

  async function work(): Promise<void> {
    await using stages = new Stages();
    try {
      for (let turn = next(); turn !== undefined; turn = next()) await play(stages, turn);
    } catch (e) {
      // The others come to the end of their cell, and begin none any more.
      turns.length = 0;
      throw e;
    }
  }

  const workers = Array.from({ length: Math.min(options.parallel, total) }, work);
  const failed = (await Promise.allSettled(workers)).find((w) => w.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return results;
}

function spoken(r: CellResult): string {
  if (r.ok) return `${r.cell}: ${r.outcome}, safe after ${r.safeMs} ms`;
  const what = [...r.problems, ...r.leftovers].join("; ");
  return `${r.cell}: FAILED: ${what} (replay: npm run faults -- --seed ${r.seed})`;
}
