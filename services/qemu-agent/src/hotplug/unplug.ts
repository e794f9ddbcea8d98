import { VirtError } from "@virtmesh/core/errors";
import type { Guest } from "../domain/guest.ts";
import { isEjection, isRefusedEjection } from "../domain/ejection.ts";
import type { QmpEvent } from "../qmp/events.ts";

type Outcome = "gone" | "refused" | "disconnected" | "ended" | "givenUp";

/** QEMU's words for a second request while the guest still considers the first one. */
const UNDER_WAY = /already in the process of unplug/i;
const NOT_THERE = /device .* not found/i;
const QUERY_TIMEOUT_MS = 10_000;

/**
 * Asks the guest to let go of a device and waits until QEMU says that it is deleted, which is when its host side is free.
 * Listens first, then asks, so that nothing is missed. @throws GUEST_REFUSED, DOMAIN_NOT_RUNNING, CONFIG_UNSUPPORTED, DEADLINE
 */
export async function unplug(guest: Guest, id: string, what: string, signal: AbortSignal): Promise<void> {
  const outcome = Promise.withResolvers<Outcome>();
  const { qmp, running } = guest;
  using _listening = qmp.onEvent((event) => {
    const meaning = meaningOf(event, id);
    if (meaning === "look") lookAgain(guest, id, outcome);
    else if (meaning !== undefined) outcome.resolve(meaning);
  });
  const giveUp = (): void => outcome.resolve("givenUp");
  signal.addEventListener("abort", giveUp, { once: true });
  if (signal.aborted) giveUp();
  void qmp.closed.then(() => outcome.resolve("disconnected"));
  void guest.exited.then(() => outcome.resolve("ended"));
  running.unplugging.add(id);
  try {
    if (await ask(guest, id, what)) outcome.resolve("gone");
    settle(guest, what, await outcome.promise, signal);
  } finally {
    running.unplugging.delete(id);
    signal.removeEventListener("abort", giveUp);
  }
}

/** Whether QEMU has a device of that id. */
export async function isPlugged(guest: Guest, id: string): Promise<boolean> {
  return (await pluggedIds(guest)).has(id);
}

/** Ids of all devices that have one. */
export async function pluggedIds(guest: Guest): Promise<ReadonlySet<string>> {
  const there = await guest.execute(
    "qom-list",
    { path: "/machine/peripheral" },
    { timeoutMs: QUERY_TIMEOUT_MS },
  );
  return new Set(there.filter(({ type }) => type.startsWith("child<")).map(({ name }) => name));
}

function meaningOf(event: QmpEvent, id: string): Outcome | "look" | undefined {
  switch (event.event) {
    case "DEVICE_DELETED":
      return event.data.device === id ? "gone" : undefined;
    case "DEVICE_UNPLUG_GUEST_ERROR":
      return event.data.device === id ? "refused" : undefined;
    case "ACPI_DEVICE_OST": {
      const { info } = event.data;
      if (isRefusedEjection(info)) return info.device === id ? "refused" : undefined;
      // It does not name a device that is gone already.
      return isEjection(info) && info.status === 0 && info["slot-type"] === "CPU" ? "look" : undefined;
    }
    default:
      return undefined;
  }
}

/** The guest has ejected a CPU. By emulation QEMU never says that it is deleted: what is there tells. */
function lookAgain(guest: Guest, id: string, outcome: PromiseWithResolvers<Outcome>): void {
  isPlugged(guest, id).then(
    (plugged) => (plugged ? undefined : outcome.resolve("gone")),
    // Its own failure is that of the connection, which ends the wait too.
    () => undefined,
  );
}

/** Whether the device is gone already. */
async function ask(guest: Guest, id: string, what: string): Promise<boolean> {
  try {
    await guest.execute("device_del", { id }, { timeoutMs: QUERY_TIMEOUT_MS });
    return false;
  } catch (e) {
    if (!VirtError.is(e)) throw e;
    if (UNDER_WAY.test(e.message)) return false;
    if (NOT_THERE.test(e.message)) return true;
    if (/does not support hot-?(un)?plug|not hotpluggable|no hotplug handler/i.test(e.message)) {
      throw new VirtError(
        "CONFIG_UNSUPPORTED",
        `${what} cannot leave guest "${guest.name}" while it runs: ${e.message}; take it out of the definition (config)`,
        about(guest),
        { cause: e },
      );
    }
    throw e;
  }
}

function settle(guest: Guest, what: string, outcome: Outcome, signal: AbortSignal): void {
  switch (outcome) {
    case "gone":
      return;
    case "refused":
      throw new VirtError(
        "GUEST_REFUSED",
        `guest "${guest.name}" refused to let go of ${what}; look in the guest what uses it`,
        about(guest),
      );
    case "ended":
      throw new VirtError("DOMAIN_NOT_RUNNING", `guest "${guest.name}" ended meanwhile`, about(guest));
    case "disconnected":
      throw new VirtError(
        "HYPERVISOR_UNRESPONSIVE",
        `the connection to QEMU of guest "${guest.name}" broke while it was asked to let go of ${what}`,
        about(guest),
      );
    case "givenUp": {
      const why = VirtError.from(signal.reason);
      if (why.reason !== "DEADLINE") throw why;
      throw new VirtError(
        "DEADLINE",
        `guest "${guest.name}" has not let go of ${what}; it stays plugged in until the guest does, which an event will tell`,
        about(guest),
      );
    }
  }
}

function about(guest: Guest) {
  return { resource: { type: "domain", name: guest.name } };
}
