import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { repositoryRoot } from "@virtmesh/lab/repository";
import { CELLS } from "./cells/matrix.ts";
import { MOMENTS } from "./cells/moments.ts";
import { VICTIMS } from "./cells/victims.ts";
import type { KeptResult } from "./recordings.ts";

const REPORT = "docs/fault-matrix.md";

/** Writes the report: of each cell its last rounds, as far as they were kept on this computer. */
export async function writeReport(results: readonly KeptResult[]): Promise<void> {
  await writeFile(join(repositoryRoot(), REPORT), `${reportOf(results).join("\n")}\n`);
}

export function reportOf(all: readonly KeptResult[]): readonly string[] {
  const known = new Set(CELLS.map((c) => c.name));
  const results = latest(all.filter((r) => known.has(r.cell)));
  const cells = new Set(results.map((r) => r.cell));
  const failed = results.filter((r) => !r.ok);
  const times = results.filter((r) => r.ok).map((r) => r.safe_ms);
  const when = new Date(Math.max(...results.map((r) => r.at))).toISOString().slice(0, 10);
  return [
    "# The fault matrix",
    "",
    "Made by `npm run faults -- --report`; what is changed here by hand is lost with the next run.",
    "",
    "A guest that writes numbered, checksummed blocks to two disks and counts in memory is moved between two hosts (real",
    "QEMU, real NATS, hosts in network namespaces). A migration is held at one exact moment, one thing is struck, and then",
    "everything is looked at: who runs, every block of both disks, the guest's memory and count, and what was left behind.",
    "",
    `${cells.size} of ${CELLS.length} cells, the last of them on ${when}, ${results.length} rounds in all: ${results.length - failed.length} as they must be, ${failed.length} not.`,
    `From the blow to the migration being over and the guest running on: median ${quantile(times, 0.5)} ms, at most ${quantile(times, 1)} ms; this counts the time until`,
    "what was struck is started again, which is up to 2 s, and 4 s for what stands still or is swallowed.",
    "",
    "**M** moved: the guest runs on the destination. **S** stayed: it runs on the source as before. **N** nowhere: its own",
    "QEMU was killed. A number is the time to safety in seconds, the longest of all rounds. Empty: there is no such thing then.",
    "",
    ...tableOf(results),
    "",
    "## Moments",
    "",
    ...MOMENTS.map((m) => `- **${m.name}** (\`${m.point}\`): ${m.says}`),
    "",
    "## Victims",
    "",
    ...VICTIMS.map((v) => `- **${v.name}**: ${v.says}`),
    ...(failed.length === 0
      ? []
      : [
          "",
          "## Failed",
          "",
          ...failed.map((r) => `- ${r.cell} (seed ${r.seed}): ${[...r.problems, ...r.leftovers].join("; ")}`),
        ]),
  ];
}

/** The rounds of each cell since it last failed, or that failure: what was mended since is no news. */
function latest(results: readonly KeptResult[]): readonly KeptResult[] {
  return [...new Set(results.map((r) => r.cell))].flatMap((cell) => {
    const rounds = results.filter((r) => r.cell === cell);
    const lastBad = rounds.findLastIndex((r) => !r.ok);
    return lastBad === rounds.length - 1 ? rounds.slice(-1) : rounds.slice(lastBad + 1);
  });
}

const LETTERS = {
  moved: "M",
  stayed: "S",
  nowhere: "N",
  twice: "twice",
  paused: "paused",
  unknown: "?",
} as const;

/** Moments down, victims across. */
function tableOf(results: readonly KeptResult[]): readonly string[] {
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    row(["", ...VICTIMS.map((v) => v.name)]),
    row(["---", ...VICTIMS.map(() => "---")]),
    ...MOMENTS.map((m) =>
      row([m.name, ...VICTIMS.map((v) => entryOf(results.filter((r) => r.cell === `${m.name}/${v.name}`)))]),
    ),
  ];
}

function entryOf(rounds: readonly KeptResult[]): string {
  if (rounds.length === 0) return "";
  const letters = [...new Set(rounds.map((r) => LETTERS[r.outcome]))].toSorted((a, b) => a.localeCompare(b));
  const worst = Math.max(...rounds.map((r) => r.safe_ms));
  const bad = rounds.some((r) => !r.ok) ? " **FAILED**" : "";
  return `${letters.join("/")} ${(worst / 1000).toFixed(1)}${bad}`;
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0);
}
