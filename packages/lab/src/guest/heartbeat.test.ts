import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Beat, HeartbeatCollector, HeartbeatTally, parseBeat } from "./heartbeat.ts";

const beat = (sequence: number, arrivedMs: number): Beat => ({
  sequence,
  arrivedMs,
  guestMonotonicNs: 0n,
  guestRealtimeNs: 0n,
  wrongPages: 0,
  finishedWrites: [],
});

function tallyOf(...beats: readonly (readonly [number, number])[]): HeartbeatTally {
  const tally = new HeartbeatTally();
  for (const [sequence, at] of beats) tally.add(beat(sequence, at));
  return tally;
}

describe("a line of the heartbeat", () => {
  it("carries the guest's clocks and the writes it finished", () => {
    expect(parseBeat("7 100 200 0 31 32", 5)).toEqual({
      sequence: 7,
      guestMonotonicNs: 100n,
      guestRealtimeNs: 200n,
      wrongPages: 0,
      finishedWrites: [31, 32],
      arrivedMs: 5,
    });
  });

  it.each(["", "7", "7 100", "7 100 200", "7 1x0 200 0", "7 100 200 0 "])(
    "is ignored when it is torn: %j",
    (line) => {
      expect(parseBeat(line, 5)).toBeUndefined();
    },
  );
});

describe("the tally of heartbeats", () => {
  it("keeps the largest gap and after which beat it came", () => {
    const report = tallyOf([1, 0], [2, 5], [3, 155], [4, 160]).report(161, 1);
    expect(report).toMatchObject({ beats: 4, largestGapMs: 150, gapAfterSequence: 2, wentBack: 0, lost: 0 });
  });

  it("counts a silence that still lasts", () => {
    expect(tallyOf([1, 0], [2, 5]).report(905, 1)).toMatchObject({ largestGapMs: 900, gapAfterSequence: 2 });
  });

  it("counts beats that never arrived", () => {
    expect(tallyOf([1, 0], [2, 5], [6, 10]).report(10, 2)).toMatchObject({ lost: 3, wentBack: 0 });
  });

  it("notices that an old state of the guest ran", () => {
    expect(tallyOf([8, 0], [9, 5], [3, 10], [4, 15]).report(15, 1)).toMatchObject({ wentBack: 1 });
  });
});

describe("the collector", () => {
  it("takes the beats of one hypervisor after another", async () => {
    const folder = await mkdtemp(join(tmpdir(), "virtmesh-beat-"));
    const path = join(folder, "hb.sock");
    {
      await using collector = await HeartbeatCollector.listen(path);
      for (const sequence of [1, 2]) {
        const seen = collector.next((b) => b.sequence === sequence);
        connect(path).end(`${sequence} 10 20 0 3\n`);
        await seen;
      }
      expect(collector.report()).toMatchObject({ beats: 2, connections: 2, lost: 0, wentBack: 0 });
    }
    await rm(folder, { recursive: true });
  });
});
