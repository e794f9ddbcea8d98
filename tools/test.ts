// `npm test`: every jest project in turn, cheapest first, then one plain line with the sums.
//   npm test                    everything
//   npm test -- unit contract   these projects
//   npm test -- --json          one JSON line with the numbers of each project before the last line
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEMO_NEEDS, ensurePackages, MONITORING_NEEDS, NAMESPACE_NEEDS } from "@virtmesh/lab/apt";
import { countLines, type ProjectResult, readLines, summaryLine } from "./test-report.ts";

const root = join(import.meta.dirname, "..");

interface Project {
  readonly name: string;
  /** Files tested at a time: guests, namespaces and network links of two e2e tests would starve each other. */
  readonly workers: number;
  /** A run that takes longer hangs: a test left something open. */
  readonly limitMinutes: number;
}

const PROJECTS: readonly Project[] = [
  { name: "unit", workers: 2, limitMinutes: 4 },
  { name: "conformance", workers: 1, limitMinutes: 6 },
  { name: "contract", workers: 2, limitMinutes: 16 },
  { name: "integration", workers: 2, limitMinutes: 25 },
  { name: "e2e", workers: 1, limitMinutes: 20 },
  { name: "faults", workers: 1, limitMinutes: 10 },
];

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Runs one jest project in a process group of its own, so that a hanging run ends with all its workers. */
async function runProject(project: Project, report: string): Promise<ProjectResult> {
  console.error(`\n== ${project.name}`);
  const args = [
    join(root, "node_modules/jest/bin/jest.js"),
    ...["--selectProjects", project.name, "-w", String(project.workers), "--passWithNoTests"],
    ...["--reporters", "default", "--reporters", join(root, "tools/jest-lines.cjs")],
  ];
  const start = performance.now();
  const env = { ...process.env, VIRTMESH_TEST_LINES: report };
  const child = spawn(process.execPath, args, {
    cwd: root,
    env,
    detached: true,
    stdio: ["ignore", "ignore", "inherit"],
  });
  let hung = false;
  const limit = setTimeout(() => {
    hung = true;
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  }, project.limitMinutes * 60_000);
  // Its own group does not hear the terminal's Ctrl-C.
  const passOn = (signal: NodeJS.Signals): void => {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
    process.exit(1);
  };
  for (const signal of SIGNALS) process.once(signal, passOn);
  const { promise: ended, resolve } = Promise.withResolvers<number | null>();
  child.on("close", resolve);
  const code = await ended;
  clearTimeout(limit);
  for (const signal of SIGNALS) process.off(signal, passOn);
  const ending = hung ? { hungAfterMinutes: project.limitMinutes } : { code };
  return countLines(project.name, (performance.now() - start) / 1000, readLines(report), ending);
}

function chosen(names: readonly string[]): readonly Project[] {
  const unknown = names.filter((name) => !PROJECTS.some((project) => project.name === name));
  if (unknown.length > 0) {
    throw new Error(
      `there is no test project "${unknown[0]}"; there are ${PROJECTS.map((p) => p.name).join(", ")}`,
    );
  }
  return names.length === 0 ? PROJECTS : PROJECTS.filter((project) => names.includes(project.name));
}

const words = process.argv.slice(2);
const projects = chosen(words.filter((word) => !word.startsWith("--")));
// Unit tests need nothing but Node.
if (projects.some((project) => project.name !== "unit")) {
  await ensurePackages([...DEMO_NEEDS, ...NAMESPACE_NEEDS, ...MONITORING_NEEDS], (text) =>
    console.error(text),
  );
}

const work = mkdtempSync(join(tmpdir(), "virtmesh-test-"));
// Also when a signal ends us.
process.on("exit", () => rmSync(work, { recursive: true }));
const results: ProjectResult[] = [];
for (const project of projects) results.push(await runProject(project, join(work, `${project.name}.jsonl`)));
console.log("");
for (const result of results)
  console.log(`${result.name.padEnd(12)} ${summaryLine(result)}  ${result.seconds.toFixed(1)} s`);
for (const result of results)
  for (const test of result.leftOut) console.log(`left out: ${result.name}: ${test}`);
for (const result of results)
  for (const failure of result.failures) console.log(`failed: ${result.name}: ${failure}`);
if (words.includes("--json")) console.log(JSON.stringify({ projects: results }));
const sum = (pick: (result: ProjectResult) => number): number =>
  results.reduce((n, result) => n + pick(result), 0);
const total = { passed: sum((r) => r.passed), failed: sum((r) => r.failed), skipped: sum((r) => r.skipped) };
console.log(summaryLine(total));
process.exitCode = total.failed === 0 ? 0 : 1;
