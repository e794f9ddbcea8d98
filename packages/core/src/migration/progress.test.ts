import fc from "fast-check";
import type { MigrationSample } from "../driver/migration.ts";
import { advance, noProgress, type Progress } from "./progress.ts";
import type { SourcePhase } from "./source-state.ts";

const GIB = 2n ** 30n;
const start = (): Progress =>
  noProgress(
    [{ target: "vda", totalBytes: GIB, copiedBytes: 0n, ready: false, destinationPath: "/b/vda" }],
    GIB,
    0,
  );

function sample(of: Partial<MigrationSample>): MigrationSample {
  return {
    disks: [],
    memoryTotalBytes: 0n,
    memoryTransferredBytes: 0n,
    memoryRemainingBytes: 0n,
    dirtyBytesPerSecond: 0n,
    throughputBytesPerSecond: 0n,
    memoryPasses: 0,
    downtimeMs: 0,
    ...of,
  };
}

describe("progress of a migration", () => {
  it("never runs backwards, whatever is sampled", () => {
    const phase = fc.constantFrom<SourcePhase>(
      "preparing",
      "copying",
      "sending",
      "switching",
      "loading",
      "aborting",
      "completed",
    );
    const seen = fc.record({
      phase,
      copied: fc.bigInt({ min: 0n, max: 2n * GIB }),
      remaining: fc.bigInt({ min: 0n, max: 2n * GIB }),
    });
    fc.assert(
      fc.property(fc.array(seen), (samples) => {
        let p = start();
        for (const [i, s] of samples.entries()) {
          const next = advance(p, {
            phase: s.phase,
            nowMs: (i + 1) * 100,
            sample: sample({
              disks: [{ target: "vda", totalBytes: GIB, copiedBytes: s.copied }],
              memoryTotalBytes: GIB,
              memoryRemainingBytes: s.remaining,
            }),
          });
          expect(next.percent).toBeGreaterThanOrEqual(p.percent);
          expect(next.percent).toBeLessThanOrEqual(100);
          expect(next.disks[0]?.copiedBytes).toBeGreaterThanOrEqual(p.disks[0]?.copiedBytes ?? 0n);
          p = next;
        }
      }),
    );
  });

  it("tells the time left of a disk copy from how fast it came forward", () => {
    const half = sample({ disks: [{ target: "vda", totalBytes: GIB, copiedBytes: GIB / 2n }] });
    const p = advance(start(), { phase: "copying", nowMs: 1_000, sample: half });
    expect(p.etaMs).toBe(3_000);
    expect(p.etaConfidence).toBe("high");
  });

  it("says why memory does not converge when the guest dirties it faster than it is sent", () => {
    const busy = sample({
      memoryTotalBytes: GIB,
      memoryRemainingBytes: GIB,
      dirtyBytesPerSecond: 200n << 20n,
      throughputBytesPerSecond: 100n << 20n,
    });
    let p = advance(start(), { phase: "sending", nowMs: 1_000, sample: busy });
    p = advance(p, { phase: "sending", nowMs: 7_000, sample: busy });
    expect(p.stuckReason).toContain("dirties 200.0 MiB/s and 100.0 MiB/s are sent");
    expect(p.etaMs).toBeUndefined();
  });

  it("says at once what keeps a guest from going on here, and what else can be done about it", () => {
    const trouble = { effect: "rollBack", message: "xl does not answer" } as const;
    const { stuckReason } = advance(start(), { phase: "aborting", nowMs: 1, trouble });
    expect(stuckReason).toContain("xl does not answer");
    expect(stuckReason).toContain("`virtmesh destroy`");
    expect(advance(start(), { phase: "aborting", nowMs: 2 }).stuckReason).toBe("");
  });

  it("is at 100 percent only when it is over", () => {
    expect(advance(start(), { phase: "retiring", nowMs: 1 }).percent).toBe(99);
    expect(advance(start(), { phase: "completed", nowMs: 1 }).percent).toBe(100);
  });
});
