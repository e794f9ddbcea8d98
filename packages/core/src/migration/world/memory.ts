import type { World } from "./world.ts";

/** Device state of a post-copy goes, or what became of it is told. */
export function letGo(world: World): void {
  if (!world.sourceProcess) return world.toSource({ fact: "sourceExited", message: "gone" });
  if (world.memory !== "held") return tellMemory(world);
  if (world.source?.phase !== "resuming") return;
  if (!world.linkUp || !world.incoming) return world.toSource({ fact: "memoryFailed", message: "no link" });
  flow(world);
  world.toDestination({ fact: "loadedPartly" });
}

export function flow(world: World): void {
  world.memory = "flowing";
  world.toSource({ fact: "postcopyActive" });
  world.toDestination({ fact: "postcopyActive" });
  world.later("world", () => {
    if (world.memory !== "flowing" || !world.sourceProcess || !world.incoming) return;
    world.memory = "sent";
    world.memoryComplete = true;
    world.toDestination({ fact: "complete" });
    world.toSource({ fact: "sent" });
  });
}

export function breakMemory(world: World): void {
  if (world.memory !== "flowing") return;
  world.memory = "broken";
  if (world.sourceProcess) world.toSource({ fact: "postcopyPaused", message: "broken" });
  if (world.incoming) world.toDestination({ fact: "postcopyPaused", message: "broken" });
}

export function tellMemory(world: World): void {
  if (!world.sourceProcess || world.memory === "held") return;
  if (world.memory === "sent") return world.toSource({ fact: "sent" });
  world.toSource(
    world.memory === "flowing" ? { fact: "postcopyActive" } : { fact: "postcopyPaused", message: "broken" },
  );
}

/** What a destination's hypervisor shows to an agent that was started again. */
export function tellArrived(world: World): void {
  if (!world.incoming) return;
  if (world.memoryComplete) return world.toDestination({ fact: "loaded" });
  if (world.memory === "held") return;
  world.toDestination({ fact: "loadedPartly" });
  if (world.memory === "broken") world.toDestination({ fact: "postcopyPaused", message: "broken" });
}
