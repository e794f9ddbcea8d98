import type { Readable, Writable } from "node:stream";

/** The largest message either side takes. Volumes and long lists go in streams and pages. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/**
 * Waits for a promise or for the signal, whichever comes first; the signal's reason is thrown. Unlike
 * Promise.race it leaves nothing behind on a signal that lives long.
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    const release = (): void => signal.removeEventListener("abort", onAbort);
    promise.then(
      (value) => {
        release();
        resolve(value);
      },
      (e: unknown) => {
        release();
        reject(e);
      },
    );
  });
}

/**
 * The messages of a gRPC stream, one read ahead at a time as they are taken. Listens from the moment of the call,
 * so that an early error is not missed; the `error` listener stays for good, since grpc-js emits one after a
 * cancel too, when nobody reads any more. `onLeave` runs once when the reader is done with the stream.
 */
export function readMessages<T>(
  stream: Readable,
  signal: AbortSignal,
  onLeave: () => void,
): AsyncGenerator<T, void> {
  let failure: { readonly error: unknown } | undefined;
  let isEnded = false;
  let wake = (): void => undefined;
  const onReadable = (): void => wake();
  stream.on("error", (error: unknown) => {
    failure ??= { error };
    wake();
  });
  stream.once("end", () => {
    isEnded = true;
    wake();
  });
  stream.on("readable", onReadable);
  signal.addEventListener("abort", onReadable, { once: true });

  const leave = (): void => {
    stream.off("readable", onReadable);
    signal.removeEventListener("abort", onReadable);
    onLeave();
  };

  async function* messages(): AsyncGenerator<T, void> {
    try {
      for (;;) {
        signal.throwIfAborted();
        const message = stream.read() as T | null;
        if (message !== null) yield message;
        else if (failure !== undefined) throw failure.error;
        else if (isEnded) return;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      leave();
    }
  }
  return messages();
}

/**
 * Writes what an iterable gives, waiting whenever the stream is full: a slow reader slows the producer down and
 * nothing piles up. Returns when the iterable ends; throws its error or the signal's reason. The iterable is
 * always closed.
 */
export async function writeMessages<T>(
  stream: Writable,
  source: AsyncIterable<T>,
  signal: AbortSignal,
): Promise<void> {
  const iterator = source[Symbol.asyncIterator]();
  let isDone = false;
  try {
    for (;;) {
      const next = await abortable(iterator.next(), signal);
      if (next.done === true) {
        isDone = true;
        return;
      }
      if (!stream.write(next.value)) await drained(stream, signal);
    }
  } finally {
    if (!isDone) await iterator.return?.();
  }
}

function drained(stream: Writable, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const release = (): void => {
      stream.off("drain", onDrain);
      signal.removeEventListener("abort", onAbort);
    };
    const onDrain = (): void => {
      release();
      resolve();
    };
    const onAbort = (): void => {
      release();
      reject(signal.reason as Error);
    };
    if (signal.aborted) return onAbort();
    stream.once("drain", onDrain);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
