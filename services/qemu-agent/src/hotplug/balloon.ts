import { VirtError } from "@virtmesh/core/errors";
import type { Guest } from "../domain/guest.ts";

const COMMAND_TIMEOUT_MS = 10_000;

/**
 * Asks the guest to give memory back or to take it, and waits until it has. Listens first, asks, then looks once.
 * @throws CONFIG_UNSUPPORTED without a balloon, DEADLINE with how far the guest came, DOMAIN_NOT_RUNNING
 */
export async function balloonTo(guest: Guest, bytes: bigint, signal: AbortSignal): Promise<void> {
  const resource = { type: "domain", name: guest.name };
  if (!guest.definition.devices.memballoons.some((b) => b.model.startsWith("virtio"))) {
    throw new VirtError(
      "CONFIG_UNSUPPORTED",
      `guest "${guest.name}" has no memory balloon; add <memballoon model='virtio'/> to its definition and start it anew`,
      { resource },
    );
  }
  const done = Promise.withResolvers<"there" | "ended" | "givenUp">();
  let actual = guest.definition.currentMemory?.bytes ?? guest.definition.memory.bytes;
  const heard = (now: number): void => {
    actual = BigInt(now);
    if (actual === bytes) done.resolve("there");
  };
  using _listening = guest.qmp.onEvent((event) => {
    if (event.event === "BALLOON_CHANGE") heard(event.data.actual);
  });
  const giveUp = (): void => done.resolve("givenUp");
  signal.addEventListener("abort", giveUp, { once: true });
  if (signal.aborted) giveUp();
  void guest.exited.then(() => done.resolve("ended"));
  try {
    await guest.execute("balloon", { value: Number(bytes) }, { timeoutMs: COMMAND_TIMEOUT_MS });
    heard((await guest.execute("query-balloon", undefined, { timeoutMs: COMMAND_TIMEOUT_MS })).actual);
    const outcome = await done.promise;
    if (outcome === "there") return;
    if (outcome === "ended")
      throw new VirtError("DOMAIN_NOT_RUNNING", `guest "${guest.name}" ended meanwhile`, { resource });
    const why = VirtError.from(signal.reason);
    if (why.reason !== "DEADLINE") throw why;
    throw new VirtError(
      "DEADLINE",
      `guest "${guest.name}" has ${actual} bytes of memory and not yet the ${bytes} that it was asked to have; its balloon driver goes on with it`,
      { resource },
    );
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}
