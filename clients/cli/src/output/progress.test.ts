import {
  EtaConfidence,
  MigrationPhase,
  MigrationProgress,
  MigrationReport,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import fc from "fast-check";
import { progressLine, renderProgress, reportSentence } from "./progress.ts";

const GIB = 1024n ** 3n;
const copying = MigrationProgress.fromPartial({
  phase: MigrationPhase.MIGRATION_PHASE_COPYING_DISKS,
  percent: 25,
  disks: [
    { target: "vda", totalBytes: 4n * GIB, copiedBytes: 2n * GIB },
    { target: "vdb", totalBytes: GIB, copiedBytes: GIB, ready: true },
  ],
  throughputBytesPerSecond: 100n * 1024n ** 2n,
  eta: { seconds: 30n, nanos: 0 },
  etaConfidence: EtaConfidence.ETA_CONFIDENCE_HIGH,
});
const memory = MigrationProgress.fromPartial({
  phase: MigrationPhase.MIGRATION_PHASE_COPYING_MEMORY,
  percent: 80,
  memoryPasses: 3,
  memoryTotalBytes: GIB,
  memoryTransferredBytes: GIB,
  memoryRemainingBytes: 64n * 1024n ** 2n,
  throughputBytesPerSecond: 50n * 1024n ** 2n,
  dirtyBytesPerSecond: 60n * 1024n ** 2n,
  stuckReason: "the guest changes memory faster than it can be sent",
});

describe("the picture of a migration", () => {
  it("shows the phase, a bar, the percentage, the time left and every disk", () => {
    expect(renderProgress(copying, 60)).toEqual([
      "copying disks  [#####.................]  25.0 %  30.0 s left",
      "  vda     2.0 GiB of 4.0 GiB",
      "  vdb     1.0 GiB of 1.0 GiB, in step",
    ]);
  });

  it("shows memory by passes, and why it is stuck", () => {
    expect(renderProgress(memory, 100).slice(1)).toEqual([
      "  memory  pass 3, 1.0 GiB sent, 64 MiB left, 50 MiB/s, guest changes 60 MiB/s",
      "  stuck:  the guest changes memory faster than it can be sent",
    ]);
  });

  it("says that a low-confidence time is a guess, and says none during the hand-over", () => {
    const unsure = { ...copying, etaConfidence: EtaConfidence.ETA_CONFIDENCE_LOW };
    expect(renderProgress(unsure, 80)[0]).toContain("about 30.0 s left");
    const deciding = { ...copying, phase: MigrationPhase.MIGRATION_PHASE_DECIDING };
    expect(renderProgress(deciding, 80)[0]).not.toContain("left");
  });

  it("says 100 % only when it is over", () => {
    const nearly = { ...memory, percent: 100 };
    expect(progressLine(nearly)).toContain("99.9 %");
    expect(progressLine({ ...nearly, phase: MigrationPhase.MIGRATION_PHASE_COMPLETED })).toContain("100.0 %");
  });

  it("is never wider than the terminal", () => {
    const phases = Object.values(MigrationPhase).filter((phase) => phase >= 0);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.float({ min: 0, max: 100 }),
        fc.constantFrom(...phases),
        (width, percent, phase) => {
          const lines = renderProgress({ ...memory, disks: copying.disks, percent, phase }, width);
          for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
        },
      ),
    );
  });
});

describe("the sentence after a migration", () => {
  it("says where the guest runs and what it cost", () => {
    const report = MigrationReport.fromPartial({
      uri: "qemu://host-b/system",
      totalTime: { seconds: 12n, nanos: 300_000_000 },
      downtime: { seconds: 0n, nanos: 90_000_000 },
      memoryBytes: GIB,
    });
    expect(reportSentence("web-1", report)).toBe(
      "web-1 runs on qemu://host-b/system (took 12.3 s, stood still at most 90 ms, 1.0 GiB of memory)",
    );
  });
});
