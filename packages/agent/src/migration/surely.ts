import { setTimeout as delay } from "node:timers/promises";
import type { MigrationContext } from "./context.ts";

const AGAIN_MS = 1_000;

/**
 * Does what there is no way back from. A disk may be full for a while, and half an end is no state to be left in: so it
 * is tried until it works. @throws what failed when the agent ends
 */
export async function surely<T>(
  { logger }: Pick<MigrationContext, "logger">,
  what: { readonly migration: string; readonly doing: string },
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (err) {
      if (signal.aborted) throw err;
      logger.warn(
        { ...what, err },
        "a step of a migration could not be done, it is tried again until it can",
      );
      await delay(AGAIN_MS, undefined, { signal });
    }
  }
}
