import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { DEMO_NEEDS, ensurePackages, NAMESPACE_NEEDS } from "@virtmesh/lab/apt";
import { buildGuest } from "@virtmesh/lab/guest/build";
import { CELLS, cellsNamed } from "./cells/matrix.ts";
import { readRecording, Recordings } from "./recordings.ts";
import { replay } from "./replay/replay.ts";
import { writeReport } from "./report.ts";
import { runMatrix } from "./run.ts";

const HELP = `npm run faults -- [options]

Moves a real guest between two hosts, strikes one thing at one exact moment of the migration, and looks at what came
of it: who runs, every block of its disks, what was left behind. docs/fault-matrix.md is the report of such a run.

  --list         says which cells there are, and runs none
  --only NAME    one cell (deciding/source-agent), or all of one moment (deciding) or victim (source-agent);
                 several with commas between them
  --rounds N     how often each cell is run (default 1); each round has an order of its own
  --seed S       the seed of the run; or the seed of one cell, as it was printed: then the facts of that cell are played
                 to the pure state machines again, in the same order, which takes milliseconds (a disk's move has none:
                 it is run anew)
  --live         with the seed of a cell: run it anew with the same choices instead
  --json         a JSON line for each cell and round, on standard output
  --report       writes docs/fault-matrix.md, from this run and what was kept of earlier ones
  --parallel N   how many cells are run at once, each on hosts of its own (default: three for two cores, as most of a
                 cell is waiting)
  --long         what stands still or is swallowed does so for 30 seconds instead of 3.5

Ctrl-C lets the cells that run come to their end. Needs root; installs what is missing with apt-get. Ends with code 1 when a cell fails.
`;

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: { type: "string" },
      rounds: { type: "string", default: "1" },
      parallel: { type: "string", default: String(Math.ceil(availableParallelism() * 1.5)) },
      seed: { type: "string" },
      json: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      live: { type: "boolean", default: false },
      report: { type: "boolean", default: false },
      long: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const recorded = values.seed === undefined ? undefined : await readRecording(values.seed);
  // A disk's move has no machines that could be fed: it is run anew.
  if (recorded !== undefined && recorded.seen.length > 0 && !values.live) {
    const { lines, problems } = replay(recorded);
    process.stdout.write(`${lines.join("\n")}\n`);
    for (const problem of problems) process.stdout.write(`problem: ${problem}\n`);
    return problems.length === 0 ? 0 : 1;
  }
  const only = values.only ?? recorded?.cell;
  const cells = only === undefined ? CELLS : only.split(",").flatMap((name) => cellsNamed(name.trim()));
  if (cells.length === 0) {
    process.stderr.write(`there is no cell, moment or victim "${only}"; --list says which there are\n`);
    return 2;
  }
  if (values.list) {
    for (const { name, moment, victim } of cells)
      process.stdout.write(`${name}: ${moment.says}; ${victim.says}\n`);
    return 0;
  }
  const [rounds, parallel] = [Number(values.rounds), Number(values.parallel)];
  if (![rounds, parallel].every((n) => Number.isInteger(n) && n >= 1)) {
    process.stderr.write(HELP);
    return 2;
  }
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  await ensurePackages([...DEMO_NEEDS, ...NAMESPACE_NEEDS], say);
  await buildGuest({ progress: say });
  const recordings = new Recordings();
  // Guests outlive their agents: what was begun is brought to its end, and its hosts are taken down.
  const stop = new AbortController();
  // npm passes on what the terminal has sent to all: the second is none of its own.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop.abort());
  const beganMs = performance.now();
  const results = await runMatrix(cells, {
    rounds,
    ...(values.seed === undefined ? {} : { seed: values.seed, exactly: recorded !== undefined }),
    pauseMs: values.long ? 30_000 : 3_500,
    parallel,
    signal: stop.signal,
    recordings,
    progress: say,
    ...(values.json ? { json: (line: string) => void process.stdout.write(`${line}\n`) } : {}),
  });
  if (values.report) await writeReport(await recordings.results());
  const failed = results.filter((r) => !r.ok);
  const minutes = (performance.now() - beganMs) / 60_000;
  say(`${results.length - failed.length} passed, ${failed.length} failed, in ${minutes.toFixed(1)} minutes`);
  return failed.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (e) {
  process.stderr.write(`${VirtError.is(e) ? messageOf(e) : String(e instanceof Error ? e.stack : e)}\n`);
  process.exitCode = 1;
}
