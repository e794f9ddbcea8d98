import { beginDestination, standingOf } from "../destination.ts";
import type { Order } from "../facts.ts";
import type { SourceEffect } from "../source-state.ts";
import { breakMemory, flow, letGo } from "./memory.ts";
import type { World } from "./world.ts";

export function carryOutSource(world: World, e: SourceEffect): void {
  switch (e.effect) {
    case "offer":
      if (world.source?.phase !== "preparing") return;
      if (!world.linkUp) return world.toSource({ fact: "peerLost", message: "no link" });
      world.session = true;
      return world.takeDestination(beginDestination());
    case "startMirrors":
      for (const disk of world.common.disks)
        world.later("source", () => world.toSource({ fact: "mirrorReady", disk }));
      return;
    case "sendMemory":
      return world.later("source", () => {
        if (!world.sourceProcess || !world.incoming)
          return world.toSource({ fact: "memoryFailed", message: "gone" });
        world.streaming = true;
        world.toSource({ fact: "memoryPass", pass: 2 });
        // A switch to post-copy that was wanted in time has this as its effect.
        if (world.source?.phase === "sending" && world.source.wanted === "precopy") stop(world, "precopy");
      });
    case "startPostcopy":
      return world.later("source", () => stop(world, "postcopy"));
    case "recover":
      if (world.session) world.send(() => world.toDestination({ fact: "sourceRecovers" }));
      return world.later("source", () => whileStranded(world, () => world.toSource({ fact: "retryDue" })));
    case "resumePostcopy":
      return world.later("world", () => {
        if (!world.linkUp || !world.door || world.memory !== "broken" || !world.sourceProcess) return;
        if (!world.incoming) return;
        world.door = false;
        flow(world);
      });
    case "breakPostcopy":
      return world.later("world", () => breakMemory(world));
    case "tellGone":
      if (!world.session && world.reachable()) world.session = true;
      if (!world.session)
        return world.later("source", () => world.toSource({ fact: "peerLost", message: "" }));
      return world.send(() => world.toDestination({ fact: "sourceGone", message: e.message }));
    case "concludeMirrors":
      for (const disk of world.common.disks) {
        world.later("source", () => {
          if (world.source?.phase !== "switching") return;
          if (world.spoiled || !world.incoming)
            return world.toSource({ fact: "mirrorFailed", disk, message: "No space left" });
          world.clean.add(disk);
          world.toSource({ fact: "mirrorConcluded", disk });
        });
      }
      return;
    case "continueSwitchover":
      if (world.source?.phase !== "loading") return world.later("source", () => letGo(world));
      return world.later("world", () => {
        if (!world.sourceProcess || !world.incoming || world.source?.phase === "aborting") {
          return world.toSource({ fact: "memoryFailed", message: "gone" });
        }
        world.memoryComplete = true;
        world.toDestination({ fact: "loaded" });
      });
    case "tellMirrorsConcluded":
      return world.send(() => world.toDestination({ fact: "sourceMirrorsConcluded" }));
    case "tellDecided":
      return world.send(() =>
        world.toDestination({ fact: "sourceDecided", generation: world.nextGeneration }),
      );
    case "tellAbort":
      if (!world.session && world.reachable()) world.session = true;
      if (!world.session) return world.toSource({ fact: "peerLost", message: "no link" });
      return world.send(() => world.toDestination({ fact: "sourceAborted", reason: e.reason }));
    case "tellRetired":
      return world.send(() => world.toDestination({ fact: "sourceRetired" }));
    case "journal":
      world.sourceJournal.push(e.entry);
      return world.later("source", () => world.toSource({ fact: "journalled", entry: e.entry }));
    case "decide":
      if (!world.recordServerUp) {
        // The write may still arrive.
        world.later("world", () => world.write("destination"));
        return world.toSource({ fact: "recordUnknown", message: "away" });
      }
      world.write("destination");
      if (world.replyLost) return world.toSource({ fact: "recordUnknown", message: "no reply" });
      return world.later("source", () => tellRecord(world));
    case "readRecord":
      if (!world.recordServerUp || world.record === "undecided")
        return world.later("source", () => whileInDoubt(world, e));
      return tellRecord(world);
    case "closeRecord":
      if (world.recordServerUp) world.write("source");
      return;
    case "fence":
      if (world.recordServerUp) {
        world.recordBefore = world.record;
        world.record = "source";
      } else world.later("world", () => carryOutSource(world, e));
      return;
    case "askPeer":
      return ask(world, e.demandPromise);
    case "rollBack":
      return world.later("source", () => {
        if (world.refuses(e.effect)) return;
        // QEMU cannot take a guest back whose post-copy broke.
        if (world.memory === "broken") world.sourceProcess = false;
        if (!world.sourceProcess) return world.toSource({ fact: "sourceExited", message: "dead" });
        world.runsOnSource = true;
        world.toSource({ fact: "rolledBack" });
      });
    case "end":
      return world.later("source", () => {
        if (world.refuses(e.effect)) return;
        world.sourceProcess = false;
        world.toSource({ fact: "sourceExited", message: "ended" });
      });
    case "surrender":
      return;
    case "retire":
      return world.later("source", () => {
        world.sourceProcess = false;
        world.runsOnSource = false;
        world.toSource({ fact: "retired" });
      });
    case "startPause":
      return world.later("source", () => world.toSource({ fact: "retryDue" }));
    case "startPatience":
      return world.later("source", () => world.toSource({ fact: "patienceOver" }));
    case "finish":
      world.finished = true;
      // What was sent arrives before the end of the session does.
      return world.later("world", () => world.endSession());
  }
}

function stop(world: World, order: Order): void {
  if (!world.sourceProcess || world.source?.phase !== "sending") return;
  world.runsOnSource = false;
  world.toSource({ fact: "switchover", stoppedForMs: 0, order });
}

function whileStranded(world: World, run: () => void): void {
  if (world.source?.phase === "stranded") run();
}

function whileInDoubt(world: World, e: SourceEffect): void {
  if (world.source?.phase === "inDoubt") carryOutSource(world, e);
}

function tellRecord(world: World): void {
  if (world.record === "destination")
    world.toSource({ fact: "recordDestination", generation: world.nextGeneration });
  else if (world.record === "source") world.toSource({ fact: "recordSource" });
  else world.toSource({ fact: "recordUnknown", message: "undecided" });
}

function ask(world: World, demandPromise: boolean): void {
  const doubting =
    world.source?.phase === "inDoubt" ||
    world.source?.phase === "resuming" ||
    world.source?.phase === "pulling" ||
    world.source?.phase === "stranded" ||
    world.source?.phase === "losing" ||
    world.source?.phase === "deciding";
  if (!doubting) return;
  if (!world.linkUp) return world.later("source", () => ask(world, demandPromise));
  const last = world.destinationJournal.at(-1);
  if (world.destination === undefined) {
    // The agent runs but knows nothing live: its journal answers.
    if (last === undefined && demandPromise) world.destinationJournal.push("promised");
    if (last === "lost") return world.toSource({ fact: "peerLostGuest", message: "asked" });
    return world.toSource({
      fact: "peerStanding",
      standing: last === "resumed" ? "resumed" : last === "promised" ? "promised" : "unknown",
    });
  }
  world.session = true;
  if (demandPromise) world.toDestination({ fact: "promiseDemanded" });
  world.later("source", () => {
    if (world.destination === undefined) return ask(world, demandPromise);
    const phase = world.destination.phase;
    if (phase === "discarding" || phase === "promising") return ask(world, demandPromise);
    const answer = standingOf(world.destination);
    world.toSource(
      answer === "lost"
        ? { fact: "peerLostGuest", message: "asked" }
        : { fact: "peerStanding", standing: answer },
    );
  });
}
