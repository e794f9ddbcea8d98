import { type Evidence, faults, findings } from "./verdict.ts";

const fine: Evidence = {
  heartbeat: {
    beats: 900,
    largestGapMs: 140,
    gapAfterSequence: 400,
    wentBack: 0,
    lost: 1,
    connections: 2,
    last: {
      sequence: 900,
      guestMonotonicNs: 0n,
      guestRealtimeNs: 0n,
      arrivedMs: 0,
      wrongPages: 0,
      finishedWrites: [800],
    },
  },
  written: { ok: true, writes: 801, problems: [] },
  writtenSource: { ok: true, writes: 600, problems: [] },
  still: { identical: true, sizes: [1048576, 1048576], differences: [], differingBytes: 0 },
};

describe("the verdict on a migration", () => {
  it("finds nothing wrong with one that lost nothing", () => {
    expect(faults(fine)).toEqual([]);
    expect(findings(fine)).toContain("vdb is the same on both hosts, 1 MiB");
  });

  it("tells how much was written since the hand-over", () => {
    expect(findings(fine)[1]).toBe(
      "vda holds all 801 writes the guest made, 201 of them since the hand-over, each whole and in its place",
    );
  });

  it.each<[string, Partial<Evidence>, string]>([
    [
      "a guest that went back",
      { heartbeat: { ...fine.heartbeat, wentBack: 1 } },
      "the guest's counter went back: an old state of it ran",
    ],
    [
      "lost writes",
      { written: { ok: false, writes: 801, problems: ["block 2 holds write 10, not write 18"] } },
      "on the destination, block 2 holds write 10, not write 18",
    ],
    [
      "a source that ran on",
      { writtenSource: { ok: true, writes: 900, problems: [] } },
      "the source holds 900 writes, the destination only 801",
    ],
    [
      "a disk that differs",
      { still: { ...fine.still, identical: false, differingBytes: 512 } },
      "the other disk differs in 512 bytes",
    ],
  ])("names %s", (_what, change, fault) => {
    expect(faults({ ...fine, ...change })).toEqual([fault]);
  });
});
