import { MigrationPhase, MigrationProgress } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { progressFields, progressLines } from "./progress.ts";

const MIB = 2n ** 20n;
const copying = MigrationProgress.fromPartial({
  phase: MigrationPhase.MIGRATION_PHASE_COPYING_DISKS,
  percent: 50,
  eta: { seconds: 2n, nanos: 500_000_000 },
  disks: [
    { target: "vda", totalBytes: 64n * MIB, copiedBytes: 64n * MIB, ready: true },
    { target: "vdb", totalBytes: 192n * MIB, copiedBytes: 64n * MIB },
  ],
});

describe("the progress of a migration", () => {
  it("is shown as phase, percent, time to go and bytes of every disk", () => {
    expect(progressLines(copying)).toEqual([
      "[████████████············]  50 %  copying disks, about 2.5 s to go",
      "vda       64 MiB of   64 MiB  in step",
      "vdb       64 MiB of  192 MiB",
    ]);
  });

  it("tells how much memory is left only while that is counted", () => {
    const memory = {
      memoryTotalBytes: 128n * MIB,
      memoryTransferredBytes: 60n * MIB,
      memoryRemainingBytes: 30n * MIB,
    };
    const line = (phase: MigrationPhase): string | undefined =>
      progressLines(MigrationProgress.fromPartial({ ...memory, phase, memoryPasses: 2 })).at(-1);
    expect(line(MigrationPhase.MIGRATION_PHASE_COPYING_MEMORY)).toBe(
      "memory    60 MiB sent, 30 MiB to go  pass 2",
    );
    expect(line(MigrationPhase.MIGRATION_PHASE_LOADING)).toBe("memory    60 MiB sent  pass 2");
  });

  it("says why it does not come forward", () => {
    const stuck = MigrationProgress.fromPartial({
      ...copying,
      stuckReason: "vdb gets dirty faster than it is copied",
    });
    expect(progressLines(stuck).at(-1)).toBe("not coming forward: vdb gets dirty faster than it is copied");
  });

  it("is told to programs in plain numbers", () => {
    expect(progressFields(copying)).toMatchObject({
      phase: "copying disks",
      percent: 50,
      eta_ms: 2500,
      disks: [
        { target: "vda", copied_bytes: 67108864, total_bytes: 67108864, ready: true },
        { target: "vdb" },
      ],
    });
  });
});
