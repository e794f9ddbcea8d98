import { setTimeout as delay } from "node:timers/promises";
import type { JsMsg } from "@nats-io/jetstream";
import type { Mesh, Session } from "./connection.ts";
import type { BucketName } from "./infrastructure.ts";
import { tail } from "./tail.ts";

export interface BucketEntry {
  readonly key: string;
  /** undefined: it was removed. */
  readonly value: Uint8Array | undefined;
  readonly revision: number;
}

export interface BucketHandlers {
  readonly onEntry: (entry: BucketEntry) => void;
  /** Once for every connection, when all that is there has been given, with its keys. */
  readonly onSynced: (keys: ReadonlySet<string>) => void;
}

const RETRY_MS = 1_000;

/**
 * What a bucket holds, then its changes. On every connection it begins anew with what is there: after a gap,
 * state is read and not guessed.
 */
export function watchBucket(
  mesh: Mesh,
  bucket: BucketName,
  key: string,
  handlers: BucketHandlers,
): AsyncDisposable {
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, mesh.closing]);
  const running = follow(mesh, bucket, key, handlers, signal);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

async function follow(
  mesh: Mesh,
  bucket: BucketName,
  key: string,
  handlers: BucketHandlers,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    let session: Session | undefined;
    try {
      session = await mesh.whenConnected(signal);
      await oneConnection(session, bucket, key, handlers, signal);
    } catch (e) {
      if (signal.aborted) return;
      if (session?.signal.aborted) continue;
      mesh.logger.warn({ err: e, bucket }, "a bucket cannot be watched, trying again");
      await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function oneConnection(
  session: Session,
  bucket: BucketName,
  key: string,
  handlers: BucketHandlers,
  signal: AbortSignal,
): Promise<void> {
  const prefix = `$KV.${bucket}.`;
  const keys = new Set<string>();
  await tail(session, {
    stream: `KV_${bucket}`,
    subject: `${prefix}${key}`,
    from: "last",
    signal: AbortSignal.any([signal, session.signal]),
    onMessage(message) {
      const entry = entryOf(message, prefix);
      if (entry.value === undefined) keys.delete(entry.key);
      else keys.add(entry.key);
      handlers.onEntry(entry);
    },
    onCaughtUp: () => handlers.onSynced(keys),
  });
}

/** Removal is a message too, marked in its header (NATS ADR-8). */
function entryOf(message: JsMsg, prefix: string): BucketEntry {
  const operation = message.headers?.get("KV-Operation") ?? "";
  const removed = operation === "DEL" || operation === "PURGE";
  return {
    key: message.subject.slice(prefix.length),
    value: removed ? undefined : message.data,
    revision: message.seq,
  };
}

/** All entries that match a key now; a removed one is not among them. */
export async function readBucket(
  session: Session,
  bucket: BucketName,
  key: string,
  signal: AbortSignal,
): Promise<Map<string, Uint8Array>> {
  const entries = new Map<string, Uint8Array>();
  const prefix = `$KV.${bucket}.`;
  const done = new AbortController();
  await tail(session, {
    stream: `KV_${bucket}`,
    subject: `${prefix}${key}`,
    from: "last",
    signal: AbortSignal.any([done.signal, signal, session.signal]),
    onMessage(message) {
      const entry = entryOf(message, prefix);
      if (entry.value === undefined) entries.delete(entry.key);
      else entries.set(entry.key, entry.value);
    },
    onCaughtUp: () => done.abort(),
  });
  signal.throwIfAborted();
  session.signal.throwIfAborted();
  return entries;
}
