import type { DestinationEffect } from "../destination-state.ts";
import type { Endpoints } from "../endpoints.ts";
import { breakMemory } from "./memory.ts";
import { killIncoming } from "./strike.ts";
import type { World } from "./world.ts";

const ENDPOINTS: Endpoints = {
  memoryAddress: "tcp:b:1",
  exports: [],
  hypervisorVersion: "7.2.0",
  tlsHostname: "b",
};

export function carryOutDestination(world: World, e: DestinationEffect): void {
  switch (e.effect) {
    case "prepare":
      world.incoming = true;
      return world.later("destination", () =>
        world.toDestination({ fact: "prepared", endpoints: ENDPOINTS }),
      );
    case "closeExports":
      return;
    case "journal":
      world.destinationJournal.push(e.entry);
      return world.later("destination", () => world.toDestination({ fact: "journalled", entry: e.entry }));
    case "resume":
      if (!world.incoming) return world.toDestination({ fact: "resumeFailed", message: "gone" });
      world.runsOnDestination = true;
      world.hasRunThere = true;
      world.check();
      return world.later("destination", () => world.toDestination({ fact: "running", downtimeMs: 1 }));
    case "adopt":
      return;
    case "confirm":
      return world.later("destination", () =>
        world.toDestination(
          world.recordServerUp
            ? { fact: "recordDestination", generation: world.nextGeneration }
            : { fact: "recordUnknown", message: "away" },
        ),
      );
    case "discard":
      world.incoming = false;
      world.runsOnDestination = false;
      return world.later("destination", () => world.toDestination({ fact: "discarded", leftovers: [] }));
    case "withdraw":
      if (!world.recordServerUp) return world.later("destination", () => whileWithdrawing(world, e));
      world.write("source");
      return world.later("destination", () =>
        world.toDestination(
          world.record === "destination"
            ? { fact: "recordDestination", generation: world.nextGeneration }
            : { fact: "recordSource" },
        ),
      );
    case "tellPrepared":
      return world.send(() => world.toSource({ fact: "peerPrepared", endpoints: e.endpoints }));
    case "tellAccepted":
      return world.send(() => world.toSource({ fact: "peerAccepted" }));
    case "tellPulling":
      return world.send(() => world.toSource({ fact: "peerPulling", downtimeMs: e.downtimeMs }));
    case "tellLostGuest":
      return world.send(() => world.toSource({ fact: "peerLostGuest", message: e.message }));
    case "tellRecoverable":
      return world.send(() => world.toSource({ fact: "peerRecoverable", address: e.address }));
    case "openRecovery":
      if (world.memory === "flowing") breakMemory(world);
      world.door = world.incoming && world.memory === "broken";
      return world.door ? world.toDestination({ fact: "recoverable", address: "tcp:b:2" }) : undefined;
    case "abandon":
      // It asks its hypervisor first.
      return world.later("destination", () =>
        world.memoryComplete ? world.toDestination({ fact: "complete" }) : killIncoming(world),
      );
    case "tellLoaded":
      return world.send(() => world.toSource({ fact: "peerLoaded" }));
    case "tellResumed":
      return world.send(() => world.toSource({ fact: "peerResumed", downtimeMs: e.downtimeMs }));
    case "tellFailed":
      return world.send(() =>
        world.toSource({ fact: "peerFailed", reason: e.reason, message: e.message, promise: true }),
      );
    case "tellDiscarded":
      return world.send(() => world.toSource({ fact: "peerDiscarded", leftovers: e.leftovers }));
    case "finish":
      return;
  }
}

function whileWithdrawing(world: World, e: DestinationEffect): void {
  const { destination } = world;
  const waits = destination?.phase === "loaded" || destination?.phase === "prepared";
  if (waits && destination.withdrawing) carryOutDestination(world, e);
}
