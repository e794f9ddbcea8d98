import { messageOf } from "@virtmesh/core/errors";
import type { Cell } from "./cells/matrix.ts";
import { DiskMoveRun } from "./disk-cell.ts";
import type { Chance } from "./lab/chance.ts";
import type { Findings } from "./lab/inventory.ts";
import type { Seen } from "./lab/listener.ts";
import type { Stage } from "./lab/stage.ts";
import { MigrationRun } from "./migration-cell.ts";

/** What came of one cell in one round. */
export interface CellResult {
  readonly cell: string;
  readonly seed: string;
  readonly ok: boolean;
  readonly outcome: Findings["outcome"] | "lost" | "unknown";
  /** Host on which the guest ran in the end; empty when nowhere. */
  readonly ranOn: string;
  /** From the blow to the migration being over and the guest running on; to its end where it runs nowhere. */
  readonly safeMs: number;
  /** What the whole cell took. */
  readonly tookMs: number;
  readonly leftovers: readonly string[];
  readonly problems: readonly string[];
  /** Everything that the machines were fed with, for replay. */
  readonly seen: readonly Seen[];
}

export interface CellOptions {
  /** How long something stands still or is swallowed. */
  readonly pauseMs: number;
}

/** One cell on its way, and what it has found so far. */
export interface CellRun {
  /** Of what is struck, once it has begun. */
  readonly id: string;
  readonly problems: readonly string[];
  readonly leftovers: readonly string[];
  readonly outcome: CellResult["outcome"];
  readonly ranOn: string;
  readonly safeMs: number;
  play(): Promise<void>;
}

/** Strikes one victim at one moment and looks at what came of it. */
export async function runCell(
  stage: Stage,
  cell: Cell,
  chance: Chance,
  options: CellOptions,
): Promise<CellResult> {
  const began = performance.now();
  const run: CellRun =
    cell.kind === "migration"
      ? new MigrationRun(stage, cell, chance, options)
      : new DiskMoveRun(stage, cell, chance, options);
  let problem: string | undefined;
  try {
    await run.play();
  } catch (e) {
    problem = messageOf(e);
  } finally {
    stage.points.release();
  }
  const problems = [...(problem === undefined ? [] : [problem]), ...unexpected(cell, run), ...run.problems];
  return {
    cell: cell.name,
    seed: chance.seed,
    ok: problems.length === 0 && run.leftovers.length === 0,
    outcome: run.outcome,
    ranOn: run.ranOn,
    safeMs: Math.round(run.safeMs),
    tookMs: Math.round(performance.now() - began),
    leftovers: run.leftovers,
    problems,
    seen: stage.points.seen.filter((s) => run.id === "" || s.migration === run.id),
  };
}

function unexpected({ allowed }: Cell, { outcome }: CellRun): readonly string[] {
  if (outcome === "unknown" || (allowed as readonly string[]).includes(outcome)) return [];
  return [`the guest ${spoken(outcome)}, and may only have ${allowed.map(spoken).join(" or ")}`];
}

function spoken(outcome: Exclude<CellResult["outcome"], "unknown">): string {
  switch (outcome) {
    case "moved":
      return "moved";
    case "stayed":
      return "stayed";
    case "nowhere":
      return "stopped";
    case "lost":
      return "was lost, said as GUEST_LOST";
    case "paused":
      return "stood still";
    case "twice":
      return "run twice";
  }
}
