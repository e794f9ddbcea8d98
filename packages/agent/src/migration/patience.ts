/** What is about to end takes milliseconds for it, and seconds where NATS has to be waited for. */
export const PATIENCE_MS = 10_000;

/** How long somebody waits for something. */
export interface Patience extends Disposable {
  readonly isOver: boolean;
  readonly over: Promise<void>;
}

/** Over after so long, or when `signal` is aborted. */
export function within(ms: number, signal: AbortSignal): Patience {
  const over = Promise.withResolvers<void>();
  let isOver = false;
  const end = (): void => {
    isOver = true;
    over.resolve();
  };
  const timer = setTimeout(end, ms);
  signal.addEventListener("abort", end);
  if (signal.aborted) end();
  return {
    get isOver() {
      return isOver;
    },
    over: over.promise,
    [Symbol.dispose]() {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
    },
  };
}
