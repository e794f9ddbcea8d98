import { VirtError } from "@virtmesh/core/errors";

/**
 * The promise's outcome, or a rejection (EVENTS_UNAVAILABLE) once the signal aborts; what the promise does after
 * that is nobody's business any more.
 */
export async function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const give = (): void => aborted.reject(new VirtError("EVENTS_UNAVAILABLE", "NATS is not connected"));
  if (signal.aborted) give();
  signal.addEventListener("abort", give, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", give);
  }
}

export function untilAborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}
