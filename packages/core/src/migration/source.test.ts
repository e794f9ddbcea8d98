import { generation } from "../ids.ts";
import { beginSource, restartSource, stepSource } from "./source.ts";
import type { SourceFact } from "./facts.ts";
import type { SourceStep } from "./source-state.ts";

const ENDPOINTS = { memoryAddress: "tcp:b:1", exports: [], hypervisorVersion: "7.2.0", tlsHostname: "b" };

function after(...facts: readonly SourceFact[]): SourceStep {
  const begun = beginSource({ mode: "live", disks: ["vda"], abortOnIoError: false });
  return facts.reduce((step, fact) => stepSource(step.state, fact), begun);
}

const LOADED: readonly SourceFact[] = [
  { fact: "peerPrepared", endpoints: ENDPOINTS },
  { fact: "mirrorReady", disk: "vda" },
  { fact: "switchover", stoppedForMs: 1, order: "precopy" },
  { fact: "mirrorConcluded", disk: "vda" },
  { fact: "peerLoaded" },
  { fact: "journalled", entry: "deciding" },
];

describe("a source in doubt", () => {
  const doubt = [...LOADED, { fact: "recordUnknown", message: "no answer" }] as const;

  it("does not go back because the record says so: the destination may have been told before the record was lost", () => {
    const { state, effects } = after(...doubt, { fact: "recordSource" });
    expect(state.phase).toBe("inDoubt");
    expect(effects).toEqual([]);
  });

  it("goes back when the destination has promised", () => {
    expect(after(...doubt, { fact: "peerStanding", standing: "promised" }).state.phase).toBe("aborting");
  });
});

describe("a source whose destination does not come back after the decision", () => {
  const decided = [...LOADED, { fact: "recordDestination", generation: generation(2n) }] as const;

  it("takes the guest back at an operator's word, with the fence before everything else", () => {
    const { state, effects } = after(...decided, { fact: "takenBack", actor: "ann" });
    expect(state).toMatchObject({
      phase: "aborting",
      away: "gone",
      cause: { message: expect.stringContaining("ann") },
    });
    expect(effects.map((e) => e.effect)).toEqual([
      "fence",
      "rollBack",
      "tellAbort",
      "journal",
      "startPatience",
    ]);
  });

  it("ends its own copy at an operator's word", () => {
    expect(after(...decided, { fact: "letGo", actor: "ann" }).state.phase).toBe("retiring");
  });

  it("does not let go of a guest of which it does not know whether it was handed over", () => {
    const doubt = [...LOADED, { fact: "recordUnknown", message: "no answer" }] as const;
    expect(after(...doubt, { fact: "letGo", actor: "ann" }).state.phase).toBe("inDoubt");
  });

  it("ends when the destination answers that it lost the guest, and says so", () => {
    const doubt = [...LOADED, { fact: "recordUnknown", message: "no answer" }] as const;
    const { state } = after(...doubt, { fact: "peerLostGuest", message: "it ended" });
    expect(state).toMatchObject({ phase: "retiring", lost: { reason: "GUEST_LOST", message: "it ended" } });
  });
});

describe("a source whose guest is destroyed by its user", () => {
  const destroyed: SourceFact = { fact: "destroyed", actor: "ann" };
  const copying: readonly SourceFact[] = [{ fact: "peerPrepared", endpoints: ENDPOINTS }];
  const loading: readonly SourceFact[] = [
    ...copying,
    { fact: "mirrorReady", disk: "vda" },
    { fact: "switchover", stoppedForMs: 1, order: "precopy" },
    { fact: "mirrorConcluded", disk: "vda" },
    { fact: "peerLoaded" },
  ];

  it.each([
    ["while disks are copied", copying],
    ["when the destination has everything", loading],
  ])("gives up %s, and touches the dying process no more", (_, facts) => {
    const { state, effects } = after(...facts, destroyed);
    expect(state).toMatchObject({ phase: "aborting", home: "lost" });
    expect(effects.map((e) => e.effect)).toEqual(["tellAbort", "journal", "closeRecord", "startPatience"]);
  });

  it("is cancelled when the destination has nothing left of it", () => {
    const { state } = after(...copying, destroyed, { fact: "peerDiscarded", leftovers: [] });
    expect(state).toMatchObject({
      phase: "cancelled",
      guestLost: "here",
      cause: { message: "the guest was destroyed by ann" },
    });
  });

  it("does not go back on a decision that may have been made", () => {
    const deciding = after(...loading, { fact: "journalled", entry: "deciding" });
    expect(deciding.state.phase).toBe("deciding");
    expect(stepSource(deciding.state, destroyed)).toEqual({ state: deciding.state, effects: [] });
  });
});

describe("a source of a post-copy", () => {
  const switched: readonly SourceFact[] = [
    { fact: "peerPrepared", endpoints: ENDPOINTS },
    { fact: "mirrorReady", disk: "vda" },
    { fact: "memoryPass", pass: 1 },
    { fact: "memoryPass", pass: 2 },
    { fact: "switchover", stoppedForMs: 1, order: "postcopy" },
    { fact: "mirrorConcluded", disk: "vda" },
  ];
  const decided: readonly SourceFact[] = [
    ...switched,
    { fact: "journalled", entry: "committing" },
    { fact: "recordDestination", generation: generation(2n) },
  ];
  const pulling: readonly SourceFact[] = [
    ...decided,
    { fact: "peerAccepted" },
    { fact: "postcopyActive" },
    { fact: "peerPulling", downtimeMs: 1 },
  ];
  const BROKEN: SourceFact = { fact: "postcopyPaused", message: "reset" };

  function step(...facts: readonly SourceFact[]): { phase: string; effects: string[] } {
    const begun = beginSource({
      ...{ mode: "live", disks: ["vda"], abortOnIoError: false },
      postcopy: { afterPasses: 1 },
    });
    const { state, effects } = facts.reduce((s, fact) => stepSource(s.state, fact), begun);
    return { phase: state.phase, effects: effects.map((e) => e.effect) };
  }

  it("switches by itself after as many passes as were allowed, once", () => {
    expect(step(...switched.slice(0, 3)).effects).toEqual([]);
    expect(step(...switched.slice(0, 4)).effects).toEqual(["startPostcopy"]);
    expect(step(...switched.slice(0, 4), { fact: "postcopyWanted" }).effects).toEqual([]);
  });

  it("keeps device state back until the destination has accepted", () => {
    expect(step(...switched)).toEqual({
      phase: "committing",
      effects: ["tellMirrorsConcluded", "journal"],
    });
    expect(step(...decided)).toEqual({ phase: "resuming", effects: ["tellDecided", "journal"] });
    expect(step(...decided, { fact: "peerAccepted" }).effects).toEqual(["continueSwitchover"]);
  });

  it("decides in the ordinary order when the hypervisor switched over before it was told", () => {
    const early = switched.map((f) => (f.fact === "switchover" ? { ...f, order: "precopy" as const } : f));
    expect(step(...early).phase).toBe("loading");
  });

  it("does not end because it was cancelled, or because agents or the connection are lost", () => {
    expect(step(...pulling, { fact: "cancelled", actor: "ann" }).phase).toBe("pulling");
    expect(step(...pulling, { fact: "peerLost", message: "" }).effects).toEqual(["askPeer"]);
    expect(step(...pulling, BROKEN)).toEqual({ phase: "stranded", effects: ["recover"] });
    expect(step(...pulling, BROKEN, { fact: "retryDue" }).effects).toEqual(["recover"]);
    const door: SourceFact = { fact: "peerRecoverable", address: "tcp:b:2" };
    expect(step(...pulling, BROKEN, door).effects).toEqual(["resumePostcopy"]);
    expect(step(...pulling, BROKEN, door, { fact: "postcopyActive" }).phase).toBe("pulling");
  });

  const PROMISED: SourceFact = { fact: "peerStanding", standing: "promised" };
  const FAILED = { fact: "peerFailed", reason: "MIGRATION_FAILED", message: "disk gone" } as const;

  describe.each([
    ["while its memory is fetched", pulling],
    ["while the connection is broken", [...pulling, BROKEN]],
  ])("%s", (_, facts) => {
    it.each<[string, SourceFact]>([
      ["has promised never to run the guest", PROMISED],
      ["failed, with that promise", { ...FAILED, promise: true }],
      ["has discarded all of it", { fact: "peerDiscarded", leftovers: [] }],
    ])(
      "ends, with the guest lost and never run from before, when the destination says that it %s",
      (_said, fact) => {
        expect(step(...facts, fact)).toEqual({
          phase: "aborting",
          effects: ["fence", "end", "tellAbort", "journal", "startPatience"],
        });
        const { state } = [...facts, fact, { fact: "sourceExited", message: "ended" } as const].reduce(
          (s, f) => stepSource(s.state, f),
          beginSource({ mode: "live", disks: ["vda"], abortOnIoError: false, postcopy: { afterPasses: 1 } }),
        );
        expect(state).toMatchObject({ phase: "failed", guestLost: "here", cause: { reason: "GUEST_LOST" } });
      },
    );

    it.each<[string, SourceFact]>([
      ["knows nothing of the guest", { fact: "peerStanding", standing: "unknown" }],
      ["failed, without a promise", { ...FAILED, promise: false }],
    ])("asks for a promise when the destination says that it %s", (_said, fact) => {
      const begun = beginSource({
        ...{ mode: "live", disks: ["vda"], abortOnIoError: false },
        postcopy: { afterPasses: 1 },
      });
      const { effects } = [...facts, fact].reduce((s, f) => stepSource(s.state, f), begun);
      expect(effects).toEqual([{ effect: "askPeer", demandPromise: true }]);
    });
  });

  it("goes on at the source when the destination gives up before device state went, and not after", () => {
    expect(step(...decided, PROMISED)).toMatchObject({
      phase: "aborting",
      effects: expect.arrayContaining(["rollBack"]),
    });
    const flowing: SourceFact = { fact: "postcopyActive" };
    const lost = step(...decided, { fact: "peerAccepted" }, flowing, PROMISED);
    expect(lost.effects).toContain("end");
    expect(lost.effects).not.toContain("rollBack");
  });

  describe("started again where its process has ended, after the decision", () => {
    const common = {
      ...({ mode: "live", disks: ["vda"], abortOnIoError: false } as const),
      postcopy: { afterPasses: 1 },
    };
    const again = (...facts: readonly SourceFact[]): SourceStep =>
      [{ fact: "sourceExited", message: "gone" } as const, ...facts].reduce(
        (s, fact) => stepSource(s.state, fact),
        restartSource(common, "committed"),
      );

    it("tells the destination, which may wait for device state from a host that lost its power", () => {
      expect(again().effects.map((e) => e.effect)).toEqual(["tellGone"]);
      expect(again({ fact: "peerAccepted" }).effects.map((e) => e.effect)).toEqual(["tellGone"]);
    });

    it("calls the guest lost when the destination promises never to run it, and ends what is left of it here", () => {
      const promised = again(PROMISED);
      expect(promised.effects.map((e) => e.effect)).toContain("end");
      expect(stepSource(promised.state, { fact: "sourceExited", message: "gone" }).state).toMatchObject({
        ...{ phase: "failed", guestLost: "here", cause: { reason: "GUEST_LOST" } },
      });
    });

    it("does not call it lost when the destination had everything", () => {
      expect(again({ fact: "peerResumed", downtimeMs: 0 }).state.phase).toBe("retiring");
    });

    it("asks on while the guest runs there, and calls it lost when that says so", () => {
      const pulling = again({ fact: "peerPulling", downtimeMs: 0 });
      expect(pulling.state.phase).toBe("losing");
      const lost = stepSource(pulling.state, { fact: "peerLostGuest", message: "ended" });
      expect(lost.state).toMatchObject({ phase: "retiring", lost: { reason: "GUEST_LOST" } });
    });
  });

  it("still says that the guest is lost when it is started again while it clears up after it", () => {
    const died: readonly SourceFact[] = [...pulling, { fact: "peerLostGuest", message: "QEMU ended" }];
    expect(step(...died)).toEqual({ phase: "retiring", effects: ["retire", "surrender", "journal"] });
    const common = { mode: "live", disks: ["vda"], abortOnIoError: false } as const;
    const again = stepSource(restartSource(common, "lost", "QEMU ended").state, { fact: "retired" });
    expect(again.state).toMatchObject({
      ...{ phase: "failed", guestLost: "there", cause: { reason: "GUEST_LOST", message: "QEMU ended" } },
    });
  });

  it("asks the destination before it calls a guest lost whose process died here", () => {
    const died = step(...pulling, { fact: "sourceExited", message: "killed" });
    expect(died).toEqual({ phase: "losing", effects: ["tellGone"] });
    const all: readonly SourceFact[] = [...pulling, { fact: "sourceExited", message: "killed" }];
    expect(step(...all, { fact: "peerResumed", downtimeMs: 0 }, { fact: "retired" }).phase).toBe("completed");
    expect(step(...all, { fact: "peerLostGuest", message: "" }, { fact: "retired" }).phase).toBe("failed");
    expect(step(...all, PROMISED, { fact: "sourceExited", message: "" }).phase).toBe("failed");
  });
});

describe("a source whose guest is off and has disks to copy", () => {
  const prepared: SourceFact = { fact: "peerPrepared", endpoints: ENDPOINTS };
  const step = (...facts: readonly SourceFact[]): SourceStep =>
    facts.reduce(
      (s, fact) => stepSource(s.state, fact),
      beginSource({ mode: "offline", disks: ["vda"], abortOnIoError: false }),
    );

  it("ends its mirrors as soon as all are ready, and decides when they have ended without error", () => {
    expect(step(prepared).effects.map((e) => e.effect)).toEqual(["startMirrors"]);
    const ready = step(prepared, { fact: "mirrorReady", disk: "vda" });
    expect(ready.effects.map((e) => e.effect)).toEqual(["concludeMirrors"]);
    const concluded = stepSource(ready.state, { fact: "mirrorConcluded", disk: "vda" });
    expect(concluded.effects.map((e) => e.effect)).toEqual(["tellMirrorsConcluded", "journal"]);
  });

  it("goes back when a mirror that was ready ends with an error", () => {
    const ready = step(prepared, { fact: "mirrorReady", disk: "vda" });
    const failed = stepSource(ready.state, { fact: "mirrorFailed", disk: "vda", message: "No space left" });
    expect(failed.state.phase).toBe("aborting");
  });
});

describe("a source of whose migration nothing comes forward", () => {
  const stalled = "nothing came forward for 120 s while it was sending";

  it("goes back, tearing itself from a network that it may wait for, and says what stood still", () => {
    const { state, effects } = after(...LOADED.slice(0, 2), { fact: "timedOut", stalled });
    expect(state).toMatchObject({ phase: "aborting", cause: { reason: "DEADLINE", message: stalled } });
    expect(effects).toContainEqual({ effect: "rollBack", linkLost: true });
  });

  it("stays where it is once the decision is on its way", () => {
    expect(after(...LOADED, { fact: "timedOut", stalled }).state.phase).toBe("deciding");
  });
});
