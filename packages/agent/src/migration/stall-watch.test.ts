import type { MigrationSample } from "@virtmesh/core/driver/migration";
import { StallWatch } from "./stall-watch.ts";

const LIMIT_MS = 60_000;

function sample(memory: bigint, disk = 0n): MigrationSample {
  return {
    disks: [{ target: "vda", totalBytes: 100n, copiedBytes: disk }],
    ...{ memoryTotalBytes: 100n, memoryTransferredBytes: memory, memoryRemainingBytes: 0n, memoryPasses: 0 },
    ...{ dirtyBytesPerSecond: 0n, throughputBytesPerSecond: 0n, downtimeMs: 0 },
  };
}

describe("watching whether a migration comes forward", () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  function watched(limitMs = LIMIT_MS): { watch: StallWatch; said: string[] } {
    const said: string[] = [];
    return { watch: new StallWatch(limitMs, (why) => void said.push(why)), said };
  }

  it("says that nothing came forward although it was looked at all the time, and in which phase", () => {
    const { watch, said } = watched();
    watch.look("sending", { sample: sample(7n) });
    for (let second = 0; second < 59; second++) {
      jest.advanceTimersByTime(1_000);
      watch.look("sending", { sample: sample(7n) });
    }
    expect(said).toEqual([]);
    jest.advanceTimersByTime(1_000);
    expect(said).toEqual(["nothing came forward for 60 s while it was sending"]);
  });

  it("says it as well when the hypervisor does not answer any more and there is nothing to look at", () => {
    const { watch, said } = watched();
    watch.look("switching", {});
    jest.advanceTimersByTime(LIMIT_MS);
    expect(said).toHaveLength(1);
  });

  it("says it although the guest writes to disks that are ready: what is missing is memory", () => {
    const { watch, said } = watched();
    watch.look("copying", { ready: ["vda"] });
    watch.look("sending", { sample: sample(7n, 1n) });
    jest.advanceTimersByTime(LIMIT_MS / 2);
    watch.look("sending", { sample: sample(7n, 2n) });
    jest.advanceTimersByTime(LIMIT_MS / 2);
    expect(said).toHaveLength(1);
  });

  it.each([
    ["memory", "sending" as const, () => ({ sample: sample(8n, 1n) })],
    ["a disk", "copying" as const, () => ({ sample: sample(7n, 2n) })],
    ["a disk that became ready", "copying" as const, () => ({ ready: ["vda"] })],
  ])("begins anew with a byte of %s", (_what, phase, news) => {
    const { watch, said } = watched();
    watch.look(phase, { sample: sample(7n, 1n) });
    jest.advanceTimersByTime(LIMIT_MS - 1);
    watch.look(phase, news());
    jest.advanceTimersByTime(LIMIT_MS - 1);
    expect(said).toEqual([]);
    watch[Symbol.dispose]();
  });

  it.each(["preparing", "deciding", "inDoubt", "resuming", "pulling", "stranded", "aborting"] as const)(
    "waits for ever while it is %s: there are other limits then, or none is allowed",
    (phase) => {
      const { watch, said } = watched();
      watch.look("sending", {});
      watch.look(phase, {});
      jest.advanceTimersByTime(100 * LIMIT_MS);
      expect(said).toEqual([]);
    },
  );

  it("looks again after the agent itself stood still, before it says anything", () => {
    const { watch, said } = watched();
    watch.look("sending", { sample: sample(7n) });
    jest.advanceTimersByTime(LIMIT_MS / 2);
    // Stopped for an hour and woken up: what is overdue fires once.
    jest.advanceTimersToNextTimer();
    watch.look("sending", { sample: sample(8n) });
    jest.advanceTimersByTime(LIMIT_MS - 1);
    expect(said).toEqual([]);
    watch[Symbol.dispose]();
  });

  it("says nothing without a limit", () => {
    const { watch, said } = watched(0);
    watch.look("sending", {});
    jest.advanceTimersByTime(100 * LIMIT_MS);
    expect(said).toEqual([]);
  });
});
