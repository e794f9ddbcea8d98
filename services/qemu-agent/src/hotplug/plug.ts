import type { Guest } from "../domain/guest.ts";
import type { ExecuteOptions } from "../qmp/connection.ts";
import { VirtError } from "@virtmesh/core/errors";
import type { PlugStep, QmpStep } from "./plug-steps.ts";

/** QEMU does these at once unless its main loop hangs; opening a network image takes longest. */
const COMMAND_TIMEOUT_MS = 30_000;

export function perform(
  guest: Guest,
  { command, args }: QmpStep,
  options: ExecuteOptions = {},
): Promise<unknown> {
  return guest.execute(command, args, { timeoutMs: COMMAND_TIMEOUT_MS, ...options });
}

/** Makes all parts, or none: what was made is taken away again in reverse when one fails. */
export async function makeAll(guest: Guest, steps: readonly PlugStep[], signal: AbortSignal): Promise<void> {
  const made: PlugStep[] = [];
  try {
    for (const step of steps) {
      if (signal.aborted) throw VirtError.from(signal.reason);
      // Not by the caller's signal: of a command that was sent and not answered nobody knows what became.
      await perform(guest, step.make);
      made.push(step);
    }
  } catch (e) {
    await unmakeAll(guest, made);
    throw refusal(guest, e);
  }
}

/** Takes parts away, the last first, as far as they are there. Resolves with what could not be taken away. */
export async function unmakeAll(guest: Guest, steps: readonly PlugStep[]): Promise<readonly unknown[]> {
  const left: unknown[] = [];
  for (const { unmake } of steps.toReversed()) {
    try {
      await perform(guest, unmake);
    } catch (e) {
      left.push(e);
    }
  }
  return left;
}

/** What QEMU says when something cannot be plugged while the guest runs, in the terms of the contract. */
function refusal(guest: Guest, e: unknown): unknown {
  if (!VirtError.is(e)) return e;
  const context = { resource: { type: "domain", name: guest.name } };
  if (/does not support hot-?plug|not hotpluggable|no hotplug handler/i.test(e.message)) {
    return new VirtError(
      "CONFIG_UNSUPPORTED",
      `${e.message}; change the definition (config) and start the guest anew`,
      context,
      { cause: e },
    );
  }
  if (/slot \S+ .*(in use|not available)|no free|already in use|PCI: .* not available/i.test(e.message))
    return new VirtError("NO_FREE_SLOT", e.message, context, { cause: e });
  return e;
}
