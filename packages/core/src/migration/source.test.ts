import { beginSource, stepSource } from "./source.ts";
import type { SourceFact } from "./facts.ts";
import type { SourceStep } from "./source-state.ts";

const ENDPOINTS = { memoryAddress: "tcp:b:1", exports: [], hypervisorVersion: "7.2.0", tlsHostname: "b" };

function after(...facts: readonly SourceFact[]): SourceStep {
  const begun = beginSource({ mode: "live", disks: ["vda"], abortOnIoError: false });
  return facts.reduce((step, fact) => stepSource(step.state, fact), begun);
}

describe("a source whose guest is destroyed by its user", () => {
  const destroyed: SourceFact = { fact: "destroyed", actor: "ann" };
  const copying: readonly SourceFact[] = [{ fact: "peerPrepared", endpoints: ENDPOINTS }];
  const loading: readonly SourceFact[] = [
    ...copying,
    { fact: "mirrorReady", disk: "vda" },
    { fact: "switchover", stoppedForMs: 1 },
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
      guestLost: true,
      cause: { message: "the guest was destroyed by ann" },
    });
  });

  it("does not go back on a decision that may have been made", () => {
    const deciding = after(...loading, { fact: "journalled", entry: "deciding" });
    expect(deciding.state.phase).toBe("deciding");
    expect(stepSource(deciding.state, destroyed)).toEqual({ state: deciding.state, effects: [] });
  });
});
