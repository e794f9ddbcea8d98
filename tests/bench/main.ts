import { parseArgs } from "node:util";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { CORPUS_NEEDS, DEMO_NEEDS, ensurePackages, NAMESPACE_NEEDS, type Need } from "@virtmesh/lab/apt";
import { makeRunFolder, removeRunFolder } from "@virtmesh/lab/run-folder";
import { benchApi } from "./api/bench.ts";
import type { Bench } from "./bench.ts";
import { benchDocuments } from "./documents/bench.ts";
import { benchFaults } from "./faults/bench.ts";
import { benchMigration } from "./migration/bench.ts";
import { Output } from "./output.ts";
import { benchStart } from "./start/bench.ts";

const HELP = `npm run bench -- <what> [--json] [--rounds N]

Measures virtmesh against QEMU driven by hand (the floor) and against Debian's libvirtd, on this computer.
Needs root (documents does not); installs what is missing with apt-get. docs/benchmarks.md says what the numbers mean.

  migration   one guest moved live with its disks: preparation, copy, total, the guest's gap, the tail
  faults      from an injected fault to the guest being safe again
  api         what calls cost: define, start, state, lists, statistics, with 1 to 1,000 guests
  start       50 small guests, in series and in parallel
  documents   definitions read and written, beside libxml2 and fast-xml-parser

  --json      a JSON line for each measurement instead of tables; the last line is always JSON
  --rounds N  how often everything is measured (default 5)
  --only CASE faults: one alone, such as link-down; api: with so many guests alone, such as 100
`;

interface Entry {
  readonly run: (bench: Bench) => Promise<void>;
  /** Hosts are network namespaces and take root. */
  readonly onHosts: boolean;
  readonly needs: readonly Need[];
}

function onHosts(run: Entry["run"]): Entry {
  return { run, onHosts: true, needs: [...DEMO_NEEDS, ...NAMESPACE_NEEDS] };
}

const BENCHES: Readonly<Record<string, Entry>> = {
  migration: onHosts(benchMigration),
  faults: onHosts(benchFaults),
  api: onHosts(benchApi),
  start: onHosts(benchStart),
  documents: { run: benchDocuments, onHosts: false, needs: CORPUS_NEEDS },
};

async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      json: { type: "boolean", default: false },
      rounds: { type: "string", default: "5" },
      only: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const bench = BENCHES[positionals[0] ?? ""];
  const rounds = Number(values.rounds);
  if (!bench || positionals.length !== 1 || !Number.isInteger(rounds) || rounds < 1) {
    process.stderr.write(HELP);
    return 2;
  }
  if (bench.onHosts && process.getuid?.() !== 0)
    throw new VirtError("HOST_SETUP", "the benchmarks need root: run them as root");
  const output = new Output(values.json);
  await ensurePackages(bench.needs, (said) => output.progress(said));
  const dir = await makeRunFolder("vmbench");
  try {
    await bench.run({ dir, rounds, only: values.only, output });
    return 0;
  } finally {
    await removeRunFolder(dir);
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (e) {
  process.stderr.write(`${VirtError.is(e) ? messageOf(e) : String(e instanceof Error ? e.stack : e)}\n`);
  process.exitCode = 1;
}
