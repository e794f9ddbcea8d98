import {
  type DiskProgress,
  EtaConfidence,
  MigrationPhase,
  type MigrationProgress,
  type MigrationReport,
  type MigrationWait,
  migrationPhaseToJSON,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { clean } from "./table.ts";
import { durationMs, enumWord, formatBytes, formatDuration, formatRate } from "./units.ts";

/** `copying memory`, `in doubt`, ... */
export function phaseName(phase: MigrationPhase): string {
  return enumWord(migrationPhaseToJSON(phase), "MIGRATION_PHASE_");
}

/** The guest stands still in these, or all is over: what is left to copy and how long it takes has no meaning. */
const AFTER_COPYING: readonly MigrationPhase[] = [
  MigrationPhase.MIGRATION_PHASE_SWITCHING,
  MigrationPhase.MIGRATION_PHASE_LOADING,
  MigrationPhase.MIGRATION_PHASE_DECIDING,
  MigrationPhase.MIGRATION_PHASE_IN_DOUBT,
  MigrationPhase.MIGRATION_PHASE_RESUMING,
  MigrationPhase.MIGRATION_PHASE_RETIRING,
  MigrationPhase.MIGRATION_PHASE_COMMITTING,
  MigrationPhase.MIGRATION_PHASE_STRANDED,
  MigrationPhase.MIGRATION_PHASE_LOSING,
  MigrationPhase.MIGRATION_PHASE_COMPLETED,
  MigrationPhase.MIGRATION_PHASE_FAILED,
  MigrationPhase.MIGRATION_PHASE_CANCELLED,
];

/** The picture of a migration: one line with a bar, one for each disk, one for memory, one when it is stuck. */
export function renderProgress(progress: MigrationProgress, width: number): readonly string[] {
  if (progress.wait !== undefined) return [cut(waitLine(progress.wait), width)];
  const lines = [headline(progress, width)];
  for (const disk of progress.disks) lines.push(`  ${clean(disk.target).padEnd(7)} ${diskText(disk)}`);
  if (progress.memoryPasses > 0 || progress.memoryTransferredBytes > 0n)
    lines.push(`  memory  ${memoryText(progress)}`);
  if (progress.stuckReason !== "") lines.push(`  stuck:  ${clean(progress.stuckReason)}`);
  return lines.map((line) => cut(line, width));
}

/** The same in one line, for a log. */
export function progressLine(progress: MigrationProgress): string {
  if (progress.wait !== undefined) return waitLine(progress.wait);
  const parts = [`${phaseName(progress.phase)}, ${percentText(progress)}`];
  if (!AFTER_COPYING.includes(progress.phase)) {
    if (progress.throughputBytesPerSecond > 0n) parts.push(formatRate(progress.throughputBytesPerSecond));
    const eta = etaText(progress);
    if (eta !== "") parts.push(eta);
  }
  if (progress.stuckReason !== "") parts.push(`stuck: ${clean(progress.stuckReason)}`);
  return parts.join(", ");
}

/** `queued, place 2 of 5: host-a makes 4 migrations at once and has them under way`. */
function waitLine(wait: MigrationWait): string {
  return `queued, place ${wait.place} of ${wait.waiting}: ${clean(wait.reason)}`;
}

function headline(progress: MigrationProgress, width: number): string {
  const left = phaseName(progress.phase).padEnd(14);
  const eta = AFTER_COPYING.includes(progress.phase) ? "" : etaText(progress);
  const right = `${percentText(progress).padStart(7)}${eta === "" ? "" : `  ${eta}`}`;
  const room = Math.min(50, width - left.length - right.length - 4);
  return room < 8 ? `${left} ${right}` : `${left} ${bar(progress.percent, room)} ${right}`;
}

export function bar(percent: number, room: number): string {
  const full = Math.floor((Math.min(100, Math.max(0, percent)) / 100) * room);
  return `[${"#".repeat(full)}${".".repeat(room - full)}]`;
}

// 100 % is said only when it is over.
function percentText(progress: MigrationProgress): string {
  const over = progress.phase === MigrationPhase.MIGRATION_PHASE_COMPLETED;
  return `${(over ? progress.percent : Math.min(progress.percent, 99.9)).toFixed(1)} %`;
}

function etaText(progress: MigrationProgress): string {
  if (progress.eta === undefined) return "";
  const sure = progress.etaConfidence === EtaConfidence.ETA_CONFIDENCE_HIGH;
  return `${sure ? "" : "about "}${formatDuration(progress.eta)} left`;
}

function diskText(disk: DiskProgress): string {
  const amount = `${formatBytes(disk.copiedBytes)} of ${formatBytes(disk.totalBytes)}`;
  return disk.ready ? `${amount}, in step` : amount;
}

function memoryText(progress: MigrationProgress): string {
  const parts = [`pass ${progress.memoryPasses}`, `${formatBytes(progress.memoryTransferredBytes)} sent`];
  if (!AFTER_COPYING.includes(progress.phase))
    parts.push(`${formatBytes(progress.memoryRemainingBytes)} left`);
  if (progress.throughputBytesPerSecond > 0n) parts.push(formatRate(progress.throughputBytesPerSecond));
  if (progress.dirtyBytesPerSecond > 0n)
    parts.push(`guest changes ${formatRate(progress.dirtyBytesPerSecond)}`);
  return parts.join(", ");
}

/** What a completed migration cost, in one sentence. */
export function reportSentence(name: string, report: MigrationReport): string {
  const parts: string[] = [];
  if (report.totalTime) parts.push(`took ${formatDuration(report.totalTime)}`);
  if (report.downtime !== undefined && durationMs(report.downtime) > 0)
    parts.push(`stood still at most ${formatDuration(report.downtime)}`);
  if (report.memoryBytes > 0n) parts.push(`${formatBytes(report.memoryBytes)} of memory`);
  if (report.diskBytes > 0n) parts.push(`${formatBytes(report.diskBytes)} of disks`);
  return `${clean(name)} runs on ${clean(report.uri)}${parts.length > 0 ? ` (${parts.join(", ")})` : ""}`;
}

function cut(line: string, width: number): string {
  return line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`;
}
