import { type CellResult, runCell } from "./cell.ts";
import { type Cell, CELLS } from "./cells/matrix.ts";
import { Chance, seedOf } from "./lab/chance.ts";
import { replay } from "./replay/replay.ts";
import { Stages } from "./stages.ts";

/** Of `npm run faults` every victim, and the moments at which most depends on what is done next. */
const CHOSEN = [
  "copying/source-agent",
  "deciding/source-agent",
  "decided/source-agent",
  "loaded/destination-agent",
  "adopting/destination-agent",
  "in-doubt/destination-agent",
  "resuming/both-agents",
  "copying/source-qemu",
  "ready/destination-qemu",
  "running/destination-power",
  "retiring/source-power",
  "concluded/source-agent-stopped",
  "loaded/destination-agent-stopped",
  "copying/nbd-link",
  "sending/memory-link",
  "decided/agent-link-reset",
  "telling/agent-link-swallowed",
  "copying/host-link-swallowed",
  "ready/destination-full",
  "copying/destination-unwritable",
  "preparing/destination-folder",
  "mirroring/source-read-error",
  "sending/clock-jump",
  "deciding/clock-jump",
  "sending/nats-killed",
  "decided/nats-paused",
  "sending/cancel",
  "copying/second-migration",
  "telling/gateway",
  "pulling/both-agents",
  "mending/memory-link",
  "disk-copying/source-qemu",
  "disk-ready/destination-full",
  "disk-pivoted/source-agent",
] as const;
const PAUSE_MS = 3_500;

function cellOf(name: string): Cell {
  const cell = CELLS.find((c) => c.name === name);
  if (cell === undefined) throw new Error(`the matrix has no cell ${name}`);
  return cell;
}

/** What a person wants to know of one that failed. */
function verdict({ ok, leftovers, problems }: CellResult) {
  return { ok, leftovers, problems };
}

describe("a migration, or a disk's move, in which one thing is struck at one moment", () => {
  const stages = new Stages();
  beforeAll(() => stages.ready(), 120_000);
  afterAll(() => stages[Symbol.asyncDispose](), 60_000);

  it.each(CHOSEN)(
    "runs the guest once, whole and with nothing left behind: %s",
    async (name) => {
      const stage = await stages.ready();
      const seed = seedOf("test", name, 1);
      const result = await runCell(stage, cellOf(name), new Chance(seed), { pauseMs: PAUSE_MS });
      await stages.after(result, () => undefined);
      expect(verdict(result)).toEqual({ ok: true, leftovers: [], problems: [] });
      // The pure machines come to the same by the same facts, without anything that runs.
      expect(replay({ cell: name, seed, seen: result.seen }).problems).toEqual([]);
    },
    150_000,
  );
});
