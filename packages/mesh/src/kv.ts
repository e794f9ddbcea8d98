import { JetStreamApiCodes, JetStreamApiError } from "@nats-io/jetstream";
import type { KV } from "@nats-io/kv";

export interface Stored {
  readonly value: Uint8Array;
  readonly revision: number;
}

/** The value of a key; without one, the revision to create it with (not 0 after a removal). */
export async function readKey(
  kv: KV,
  key: string,
): Promise<Stored | { readonly value: undefined; readonly revision: number }> {
  const entry = await kv.get(key);
  if (!entry) return { value: undefined, revision: 0 };
  if (entry.operation !== "PUT") return { value: undefined, revision: entry.revision };
  return { value: entry.value, revision: entry.revision };
}

/**
 * Writes a key if it is still at `revision` (0: if it does not exist). The new revision, or undefined when
 * somebody else was quicker.
 */
export async function compareAndSet(
  kv: KV,
  key: string,
  value: Uint8Array,
  revision: number,
): Promise<number | undefined> {
  try {
    return await kv.put(key, value, { previousSeq: revision });
  } catch (e) {
    if (isWrongRevision(e)) return undefined;
    throw e;
  }
}

/** Removes a key if it is still at `revision`; false when somebody else was quicker. */
export async function removeKey(kv: KV, key: string, revision: number): Promise<boolean> {
  try {
    await kv.delete(key, { previousSeq: revision });
    return true;
  } catch (e) {
    if (isWrongRevision(e)) return false;
    throw e;
  }
}

function isWrongRevision(e: unknown): boolean {
  return (
    e instanceof JetStreamApiError &&
    (e.code === JetStreamApiCodes.StreamWrongLastSequence ||
      e.code === JetStreamApiCodes.StreamWrongLastSequenceUnknown)
  );
}
