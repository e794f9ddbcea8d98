import { setTimeout as delay } from "node:timers/promises";
import { VirtError } from "@virtmesh/core/errors";

/** Lets that many milliseconds pass; 0 lets everything else that is ready go first. @throws CANCELLED. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (e) {
    if (!signal.aborted) throw e;
    throw VirtError.is(signal.reason)
      ? signal.reason
      : new VirtError("CANCELLED", "the call was cancelled", {}, { cause: e });
  }
}
