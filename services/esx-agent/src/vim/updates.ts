import { setTimeout as delay } from "node:timers/promises";
import { type Reference, reference, type VimObject } from "./encode.ts";
import { isVimFault, VimProtocolError } from "./errors.ts";
import { childOf, childrenOf, textAt, type VimNode } from "./node.ts";
import { referenceOf, type VimSession } from "./session.ts";

/** What became of one object (vSphere SDK, "ObjectUpdate"). */
export interface ObjectUpdate {
  readonly kind: "enter" | "modify" | "leave";
  readonly object: Reference;
  /** Path of a property and its new value; undefined when it has none any more. */
  readonly changes: readonly { readonly path: string; readonly value: VimNode | undefined }[];
}

export interface UpdateSink {
  /** Nothing heard so far counts any more: everything there is follows. Also at the beginning. */
  restart(): void;
  update(update: ObjectUpdate): void;
  /** All that the server knows at this moment has been told: at first everything, later what has changed together. */
  synced(): void;
  /** The connection broke; it is tried again until the signal. */
  interrupted(error: unknown): void;
}

/** The server answers at the latest after this, which also keeps the session from timing out. */
const MAX_WAIT_S = 60;
/** Beyond that a silent connection is a broken one. */
const SILENCE_MS = (MAX_WAIT_S + 30) * 1_000;
/** Between two attempts to reach a server that does not answer. */
const RETRY_MS = [0, 200, 500, 1_000, 2_000, 5_000] as const;

/**
 * The server's own stream of changes to the objects of a PropertyFilterSpec, until the signal: WaitForUpdatesEx with
 * its version token, one long call after the other, at a collector of its own, whose first answer is everything
 * there is. A truncated answer is a part, whose rest comes with the next call. When the server does not know the
 * version (it was restarted, we were too slow), or the session was lost, everything is told again.
 * @throws VimFault for a specification that the server refuses, InvalidLogin included
 */
export async function watchUpdates(
  session: VimSession,
  spec: VimObject,
  sink: UpdateSink,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    try {
      await watchOnce(session, spec, sink, signal, () => (failures = 0));
    } catch (e) {
      if (signal.aborted) return;
      if (isVimFault(e, "NotAuthenticated")) {
        try {
          await session.renew(signal);
          continue;
        } catch (cause) {
          if (isVimFault(cause)) throw cause;
        }
      }
      // The collector ended with an earlier session, or its version is too old to go on from.
      const beginAgain =
        isVimFault(e, "NotAuthenticated") ||
        isVimFault(e, "ManagedObjectNotFound") ||
        isVimFault(e, "InvalidCollectorVersion");
      if (isVimFault(e) && !beginAgain) throw e;
      if (!beginAgain) sink.interrupted(e);
      await delay(RETRY_MS[Math.min(failures, RETRY_MS.length - 1)], undefined, { signal }).catch(
        () => undefined,
      );
      failures += 1;
    }
  }
}

async function watchOnce(
  session: VimSession,
  spec: VimObject,
  sink: UpdateSink,
  signal: AbortSignal,
  heard: () => void,
): Promise<void> {
  const manager = session.manager("propertyCollector");
  const made = childOf(
    await session.callOnce("CreatePropertyCollector", manager, {}, { signal }),
    "returnval",
  );
  if (made === undefined) throw new VimProtocolError(`${session.address} made no property collector`);
  const collector = referenceOf(made);
  try {
    await session.callOnce("CreateFilter", collector, { spec, partialUpdates: false }, { signal });
    let version = "";
    sink.restart();
    while (!signal.aborted) {
      const args = { version, options: { maxWaitSeconds: MAX_WAIT_S } };
      const answer = await session.callOnce("WaitForUpdatesEx", collector, args, {
        signal,
        silenceMs: SILENCE_MS,
      });
      heard();
      const set = childOf(answer, "returnval");
      // The time was up and nothing had changed.
      if (set === undefined) continue;
      version = textAt(set, "version") ?? "";
      for (const part of childrenOf(set, "filterSet"))
        for (const update of childrenOf(part, "objectSet")) sink.update(readUpdate(update));
      if (textAt(set, "truncated") !== "true") sink.synced();
    }
  } finally {
    // Not with the watcher's signal, which may have ended this; a server that does not answer forgets it by itself.
    await session
      .callOnce("DestroyPropertyCollector", collector, {}, { signal: AbortSignal.timeout(2_000) })
      .catch(() => undefined);
  }
}

function readUpdate(node: VimNode): ObjectUpdate {
  const obj = childOf(node, "obj");
  const kind = textAt(node, "kind");
  return {
    kind: kind === "leave" || kind === "enter" ? kind : "modify",
    object: obj === undefined ? reference("", "") : referenceOf(obj),
    changes: childrenOf(node, "changeSet").map((change) => ({
      path: textAt(change, "name") ?? "",
      value: childOf(change, "val"),
    })),
  };
}
