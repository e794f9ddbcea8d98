import {
  EtaConfidence,
  MigrationPhase,
  type MigrationProgress,
  type MigrationReport,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import type { Progress } from "@virtmesh/core/migration/progress";
import type { SourcePhase } from "@virtmesh/core/migration/source-state";
import type { JournalHeader } from "./journal.ts";
import type { Report } from "./report.ts";
import { duration } from "./wire.ts";

const PHASES: Record<SourcePhase, MigrationPhase> = {
  preparing: MigrationPhase.MIGRATION_PHASE_PREPARING,
  copying: MigrationPhase.MIGRATION_PHASE_COPYING_DISKS,
  sending: MigrationPhase.MIGRATION_PHASE_COPYING_MEMORY,
  switching: MigrationPhase.MIGRATION_PHASE_SWITCHING,
  loading: MigrationPhase.MIGRATION_PHASE_LOADING,
  deciding: MigrationPhase.MIGRATION_PHASE_DECIDING,
  inDoubt: MigrationPhase.MIGRATION_PHASE_IN_DOUBT,
  resuming: MigrationPhase.MIGRATION_PHASE_RESUMING,
  retiring: MigrationPhase.MIGRATION_PHASE_RETIRING,
  aborting: MigrationPhase.MIGRATION_PHASE_ABORTING,
  completed: MigrationPhase.MIGRATION_PHASE_COMPLETED,
  failed: MigrationPhase.MIGRATION_PHASE_FAILED,
  cancelled: MigrationPhase.MIGRATION_PHASE_CANCELLED,
  committing: MigrationPhase.MIGRATION_PHASE_COMMITTING,
  pulling: MigrationPhase.MIGRATION_PHASE_PULLING,
  stranded: MigrationPhase.MIGRATION_PHASE_STRANDED,
  losing: MigrationPhase.MIGRATION_PHASE_LOSING,
};

export function progressToWire(p: Progress, destinationUri: string): MigrationProgress {
  return {
    phase: PHASES[p.phase],
    disks: p.disks.map((d) => ({ ...d })),
    memoryTotalBytes: p.memoryTotalBytes,
    memoryTransferredBytes: p.memoryTransferredBytes,
    memoryRemainingBytes: p.memoryRemainingBytes,
    dirtyBytesPerSecond: p.dirtyBytesPerSecond,
    throughputBytesPerSecond: p.throughputBytesPerSecond,
    memoryPasses: p.memoryPasses,
    percent: p.percent,
    eta: p.etaMs === undefined ? undefined : duration(p.etaMs),
    etaConfidence:
      p.etaMs === undefined
        ? EtaConfidence.ETA_CONFIDENCE_UNSPECIFIED
        : p.etaConfidence === "high"
          ? EtaConfidence.ETA_CONFIDENCE_HIGH
          : EtaConfidence.ETA_CONFIDENCE_LOW,
    stuckReason: p.stuckReason,
    destinationUri,
    updateTime: new Date(p.updatedAtMs),
    wait: undefined,
  };
}

export function reportToWire(r: Report, header: JournalHeader): MigrationReport {
  return {
    domainUuid: header.offer.plan.uuid,
    uri: header.destinationUri,
    totalTime: duration(r.totalMs),
    downtime: duration(r.downtimeMs),
    hypervisorDowntime: duration(r.hypervisorDowntimeMs),
    preparationTime: duration(r.preparationMs),
    diskCopyTime: duration(r.diskCopyMs),
    memoryCopyTime: duration(r.memoryCopyMs),
    tailTime: duration(r.tailMs),
    memoryBytes: r.memoryBytes,
    diskBytes: r.disks.reduce((n, d) => n + d.copiedBytes, 0n),
    memoryPasses: r.memoryPasses,
    disks: r.disks.map((d) => ({ ...d })),
    deviceStateTime: duration(r.deviceStateMs),
    decisionTime: duration(r.decisionMs),
    postcopyTime: r.postcopyMs === undefined ? undefined : duration(r.postcopyMs),
  };
}
