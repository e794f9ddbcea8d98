import type { Event, WatchResponse } from "@virtmesh/api/gen/virtmesh/v1/event";
import { VirtError } from "@virtmesh/core/errors";
import type { EventLog, Position } from "./event-log.ts";
import { parseToken } from "./event-log.ts";

export interface WatchPlan {
  /** Which events the reader wants. */
  readonly accept: (event: Event) => boolean;
  /** Token of an earlier message; empty: from now on. */
  readonly resumeToken: string;
  /** One event for every guest there is now; absent: no snapshot is wanted. */
  readonly snapshot?: () => readonly Event[];
  readonly heartbeatMs?: number;
}

const HEARTBEAT_MS = 10_000;

/** A resume token that says where to begin, and the reason of a gap if there is one. */
function beginning(log: EventLog, token: string): { readonly position: Position; readonly gap?: string } {
  if (token === "") return { position: log.last };
  const parsed = parseToken(token);
  if (!parsed) {
    throw new VirtError(
      "INVALID_FIELD",
      `"${token}" is not a resume token of an agent; give back one that a message carried`,
      {
        violations: [{ field: "resume_token", description: "not a resume token" }],
      },
    );
  }
  if (parsed.instance !== log.instance) {
    return { position: log.oldest, gap: "the agent was restarted since, and keeps events in memory only" };
  }
  if (parsed.position > log.last) {
    throw new VirtError(
      "INVALID_FIELD",
      `the resume token "${token}" is ahead of this agent, whose last event is ${log.last}`,
    );
  }
  if (parsed.position < log.oldest) {
    return { position: log.oldest, gap: `events up to ${log.oldest} are not kept any more` };
  }
  return { position: parsed.position };
}

/**
 * What a watcher gets: a gap if its token is too old, what happened since, the snapshot, `synced`, and then
 * everything as it happens. Ends when the signal aborts. Throws SLOW_READER with the last token when the reader
 * falls behind by more than the log holds.
 */
export async function* watchLog(
  log: EventLog,
  plan: WatchPlan,
  signal: AbortSignal,
): AsyncGenerator<WatchResponse, void, undefined> {
  const begin = beginning(log, plan.resumeToken);
  let { position } = begin;
  let wake = (): void => undefined;
  using _appends = log.onAppend(() => wake());
  const stop = (): void => wake();
  signal.addEventListener("abort", stop, { once: true });
  const say = (kind: WatchResponse["kind"]): WatchResponse => ({ resumeToken: log.tokenOf(position), kind });

  try {
    if (begin.gap !== undefined) yield say({ $case: "gap", value: { reason: begin.gap } });
    let isSynced = false;
    const head = log.last;
    while (!signal.aborted) {
      if (position < log.oldest) throw tooSlow(log, position);
      // A snapshot is of this moment, so everything up to this moment must have been sent before it.
      if (!isSynced && position >= (plan.snapshot ? log.last : head)) {
        isSynced = true;
        const snapshot = plan.snapshot?.() ?? [];
        for (const event of snapshot) yield say({ $case: "event", value: event });
        yield say({ $case: "synced", value: {} });
        continue;
      }
      const event = log.after(position);
      if (event) {
        position += 1n;
        if (plan.accept(event)) yield say({ $case: "event", value: event });
        continue;
      }
      const beat = await nextOrHeartbeat(plan.heartbeatMs ?? HEARTBEAT_MS, (resolve) => {
        wake = resolve;
        // Something may have come between the look into the log and this listener.
        if (log.last > position || signal.aborted) resolve();
      });
      if (beat) yield say({ $case: "heartbeat", value: { time: new Date() } });
    }
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** Resolves with true when the time was up before anything came. */
function nextOrHeartbeat(ms: number, listen: (resolve: () => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(true), ms);
    listen(() => {
      clearTimeout(timer);
      resolve(false);
    });
  });
}

function tooSlow(log: EventLog, position: Position): VirtError {
  return new VirtError(
    "SLOW_READER",
    "this watcher reads more slowly than things happen, and fell behind what is kept; read the state anew or resume from the last token",
    { metadata: { resume_token: log.tokenOf(position) } },
  );
}
