import { restartDestination } from "../destination.ts";
import { restartSource } from "../source.ts";
import { UNDECIDED } from "../source-state.ts";
import { breakMemory, tellArrived, tellMemory } from "./memory.ts";
import type { World } from "./world.ts";

/** Something goes wrong. */
export function strike(world: World, which: number): void {
  switch (which) {
    case 0: // the source agent is killed and started again
      return restartSourceAgent(world);
    case 1: {
      // the destination agent is killed and started again
      if (world.destination === undefined) return;
      world.drop("destination");
      world.destination = undefined;
      world.restartedThere = true;
      if (!world.incoming) noteCrash(world);
      if (world.session) {
        world.session = false;
        world.toSource({ fact: "peerLost", message: "killed" });
      }
      const last = world.destinationJournal.at(-1);
      if (last === undefined) return;
      world.takeDestination(
        restartDestination(last, world.nextGeneration, {
          alive: world.incoming,
          postcopy: world.common.postcopy !== undefined,
        }),
      );
      return tellArrived(world);
    }
    case 2:
      world.linkUp = false;
      breakMemory(world);
      if (world.streaming && world.memory === "held" && !world.memoryComplete) {
        // A destination that lacks device state ends with its stream.
        world.later("world", () => killIncoming(world));
        world.later("world", () => world.toSource({ fact: "memoryFailed", message: "broken" }));
      }
      return world.breakSession();
    case 3:
      return world.breakSession();
    case 4:
      world.recordServerUp = false;
      return;
    case 5:
      world.recordServerUp = true;
      return;
    case 6: // the source's process dies
      world.sourceProcess = false;
      world.runsOnSource = false;
      world.toSource({ fact: "sourceExited", message: "killed" });
      // A destination that waits for device state sees its stream end and exits; one that has it waits for more.
      if (world.memory === "held" && !world.memoryComplete && world.streaming) return killIncoming(world);
      return breakMemory(world);
    case 7: // the destination's process dies, running or not
      return killIncoming(world);
    case 8:
      if (world.clean.size > 0) return;
      world.spoiled = true;
      return world.toSource({ fact: "mirrorFailed", disk: "vda", message: "No space left on device" });
    case 9:
      world.replyLost = true;
      return;
    case 11:
      return breakMemory(world);
    case 12:
      return world.toSource({ fact: "recoverWanted" });
    case 13: // the record's server crashes and loses its last write
      world.record = world.recordBefore;
      return;
    case 14: // the source's host loses its power: a destination that only waits is not told that its stream has ended
      if (world.source === undefined || world.finished) return;
      world.sourceProcess = false;
      world.runsOnSource = false;
      if (world.memory === "flowing") world.later("world", () => breakMemory(world));
      return restartSourceAgent(world);
    case 15:
      world.refusals = 4;
      return;
    default:
      return world.toSource({ fact: "cancelled", actor: "admin" });
  }
}

function restartSourceAgent(world: World): void {
  if (world.source === undefined || world.finished) return;
  world.drop("source");
  world.source = undefined;
  world.session = false;
  world.toDestination({ fact: "sourceLost", message: "killed" });
  world.take("source", restartSource(world.common, world.sourceJournal.at(-1) ?? "begun"));
  if (!world.sourceProcess) world.toSource({ fact: "sourceExited", message: "gone" });
  tellMemory(world);
}

export function killIncoming(world: World): void {
  if (!world.incoming) return;
  noteCrash(world);
  world.incoming = false;
  world.runsOnDestination = false;
  breakMemory(world);
  const ran: { mayHaveRun?: true } = world.hasRunThere ? { mayHaveRun: true } : {};
  world.toDestination({ fact: "incomingFailed", message: "killed", ...ran });
}

/** One that was started again does not know whether it had let the guest run: then it has crashed there. */
function noteCrash(world: World): void {
  const last = world.destinationJournal.at(-1);
  const mayHave = world.restartedThere && (last === "resuming" || last === "pulling");
  world.crashedThere ||= world.hasRunThere || mayHave;
}

/** The user destroys the guest, as far as the source lets it go. @returns whether it did */
export function destroy(world: World): boolean {
  const { source } = world;
  if (source === undefined || !UNDECIDED.has(source.phase) || !world.sourceProcess) return false;
  world.toSource({ fact: "destroyed", actor: "admin" });
  world.sourceProcess = false;
  world.runsOnSource = false;
  world.toSource({ fact: "sourceExited", message: "destroyed" });
  return true;
}
