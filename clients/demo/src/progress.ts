import {
  type DiskProgress,
  EtaConfidence,
  MigrationPhase,
  type MigrationProgress,
} from "@virtmesh/api/gen/virtmesh/v1/migration";

const PHASES: Readonly<Record<number, string>> = {
  [MigrationPhase.MIGRATION_PHASE_PREPARING]: "preparing the destination",
  [MigrationPhase.MIGRATION_PHASE_COPYING_DISKS]: "copying disks",
  [MigrationPhase.MIGRATION_PHASE_COPYING_MEMORY]: "copying memory",
  [MigrationPhase.MIGRATION_PHASE_SWITCHING]: "switching over",
  [MigrationPhase.MIGRATION_PHASE_LOADING]: "loading device state",
  [MigrationPhase.MIGRATION_PHASE_DECIDING]: "recording the decision",
  [MigrationPhase.MIGRATION_PHASE_IN_DOUBT]: "in doubt, asking the destination",
  [MigrationPhase.MIGRATION_PHASE_RESUMING]: "resuming on the destination",
  [MigrationPhase.MIGRATION_PHASE_RETIRING]: "tidying up on the source",
  [MigrationPhase.MIGRATION_PHASE_ABORTING]: "going back to the source",
  [MigrationPhase.MIGRATION_PHASE_COMPLETED]: "completed",
  [MigrationPhase.MIGRATION_PHASE_FAILED]: "failed",
  [MigrationPhase.MIGRATION_PHASE_CANCELLED]: "cancelled",
};

const BAR = 24;

export function phaseText(progress: MigrationProgress): string {
  return PHASES[progress.phase] ?? "beginning";
}

/** A few lines for people: phase with percent and time to go, then every disk, then memory. */
export function progressLines(progress: MigrationProgress): string[] {
  const percent = Math.min(100, Math.max(0, progress.percent));
  const full = Math.round((percent / 100) * BAR);
  const bar = `[${"█".repeat(full)}${"·".repeat(BAR - full)}]`;
  const head = `${bar} ${percent.toFixed(0).padStart(3)} %  ${phaseText(progress)}${etaText(progress)}`;
  const stuck = progress.stuckReason === "" ? [] : [`not coming forward: ${progress.stuckReason}`];
  return [head, ...progress.disks.map(diskLine), ...memoryLine(progress), ...stuck];
}

function etaText(progress: MigrationProgress): string {
  if (progress.eta === undefined) return "";
  const ms = durationMs(progress.eta);
  if (ms < 100) return "";
  const about = progress.etaConfidence === EtaConfidence.ETA_CONFIDENCE_HIGH ? "" : "about ";
  return `, ${about}${(ms / 1000).toFixed(1)} s to go`;
}

function diskLine(disk: DiskProgress): string {
  return `${disk.target}     ${amount(disk.copiedBytes, disk.totalBytes)}${disk.ready ? "  in step" : ""}`;
}

function memoryLine(progress: MigrationProgress): string[] {
  if (progress.memoryTotalBytes === 0n) return [];
  const passes = progress.memoryPasses > 1 ? `  pass ${progress.memoryPasses}` : "";
  // Once the source's CPUs stand still nothing counts what is left: it is on its way.
  const isCopying = progress.phase <= MigrationPhase.MIGRATION_PHASE_COPYING_MEMORY;
  const left = isCopying ? `, ${mib(progress.memoryRemainingBytes).trim()} to go` : "";
  return [`memory  ${mib(progress.memoryTransferredBytes)} sent${left}${passes}`];
}

function amount(done: bigint, total: bigint): string {
  return `${mib(done)} of ${mib(total)}`;
}

function mib(bytes: bigint): string {
  return `${(Number(bytes) / 2 ** 20).toFixed(0).padStart(4)} MiB`;
}

/** The same for programs, in plain numbers. */
export function progressFields(progress: MigrationProgress): object {
  return {
    phase: phaseText(progress),
    percent: Number(progress.percent.toFixed(1)),
    ...(progress.eta === undefined ? {} : { eta_ms: durationMs(progress.eta) }),
    disks: progress.disks.map((disk) => ({
      target: disk.target,
      copied_bytes: Number(disk.copiedBytes),
      total_bytes: Number(disk.totalBytes),
      ready: disk.ready,
    })),
    memory_transferred_bytes: Number(progress.memoryTransferredBytes),
    memory_remaining_bytes: Number(progress.memoryRemainingBytes),
  };
}

export function durationMs(duration: { readonly seconds: bigint; readonly nanos: number }): number {
  return Number(duration.seconds) * 1000 + Math.round(duration.nanos / 1_000_000);
}
