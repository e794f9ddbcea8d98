import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { repositoryRoot } from "@virtmesh/lab/repository";
import { CELLS } from "./cells/matrix.ts";
import { DISK_MOMENTS } from "./cells/disk-moments.ts";
import { MOMENTS } from "./cells/moments.ts";
import { VICTIMS } from "./cells/victims.ts";
import type { KeptResult } from "./recordings.ts";

const REPORT = "docs/fault-matrix.md";

/** Writes the report of every round that was run in this checkout, those that failed among them. */
export async function writeReport(results: readonly KeptResult[]): Promise<void> {
  await writeFile(join(repositoryRoot(), REPORT), `${reportOf(results).join("\n")}\n`);
}

export function reportOf(all: readonly KeptResult[]): readonly string[] {
  const known = new Set(CELLS.map((c) => c.name));
  const results = all.filter((r) => known.has(r.cell));
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
    "what was struck is started again, which is up to 2 s, and 3.5 s for what stands still or is swallowed.",
    "",
    "**M** moved: the guest runs on the destination. **S** stayed: it runs on the source as before. **N** nowhere: its own",
    "QEMU was killed. **L** lost: in post-copy neither host had all of it, and a QEMU was killed; the user is told so as",
    "GUEST_LOST. A number is the time to safety in seconds, the longest of all rounds. **-**: there is such a cell, and it",
    "was not run here. Empty: there is no such thing then.",
    "",
    ...tableOf(MOMENTS, results),
    "",
    "## A disk that moves to other storage of its host",
    "",
    "The same guest, one of its disks moved while it runs (`virtmesh blockcopy`). **M**: the disk is at the new place, **S**: where",
    "it was, **N**: QEMU was killed, the guest is off, and the image that its definition names has every write.",
    "",
    ...tableOf(DISK_MOMENTS, results),
    "",
    "## Moments",
    "",
    ...[...MOMENTS, ...DISK_MOMENTS].map((m) => `- **${m.name}** (\`${m.point}\`): ${m.says}`),
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

const LETTERS = {
  moved: "M",
  stayed: "S",
  nowhere: "N",
  lost: "L",
  twice: "twice",
  paused: "paused",
  unknown: "?",
} as const;

/** Moments down, victims across: those that are struck at one of them at least. */
function tableOf(
  moments: readonly { readonly name: string }[],
  results: readonly KeptResult[],
): readonly string[] {
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const names = new Set(moments.map((m) => m.name));
  const struck = new Set(CELLS.filter((c) => names.has(c.moment.name)).map((c) => c.victim.name));
  const victims = VICTIMS.filter((v) => struck.has(v.name));
  return [
    row(["", ...victims.map((v) => v.name)]),
    row(["---", ...victims.map(() => "---")]),
    ...moments.map((m) => row([m.name, ...victims.map((v) => entryOf(`${m.name}/${v.name}`, results))])),
  ];
}

function entryOf(cell: string, results: readonly KeptResult[]): string {
  const rounds = results.filter((r) => r.cell === cell);
  if (rounds.length === 0) return CELLS.some((c) => c.name === cell) ? "-" : "";
  const letters = [...new Set(rounds.map((r) => LETTERS[r.outcome]))].toSorted((a, b) => a.localeCompare(b));
  const worst = Math.max(...rounds.map((r) => r.safe_ms));
  const bad = rounds.some((r) => !r.ok) ? " **FAILED**" : "";
  return `${letters.join("/")} ${(worst / 1000).toFixed(1)}${bad}`;
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0);
}
