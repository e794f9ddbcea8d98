import { Event } from "@virtmesh/api/gen/virtmesh/v1/event";
import type { MigrationId } from "@virtmesh/core/ids";
import type { Bounds } from "./bounds.ts";
import { DEFAULT_TIMEOUT_MS } from "./bounds.ts";
import type { Mesh } from "./connection.ts";
import { packEvent } from "./envelope.ts";
import type { Published } from "./events.ts";
import { MIGRATIONS_STREAM } from "./infrastructure.ts";
import type { Side } from "./records.ts";
import { Slot } from "./slot.ts";
import { factSubjects, formatFactSubject, parseFactSubject } from "./subjects.ts";
import { tail } from "./tail.ts";

/** One thing that happened in a migration. */
export interface MigrationFact {
  readonly side: Side;
  /** `mirrorReady`, `peerLoaded`, ...: the names in packages/core/src/migration/facts.ts. */
  readonly fact: string;
  readonly event: Event;
}

/**
 * Publishes to the stream MIGRATIONS and resolves when it is stored; the event's id is the message id. Facts
 * keep their order when each is published after the one before has resolved.
 */
export async function publishFact(
  mesh: Mesh,
  id: MigrationId,
  { side, fact, event }: MigrationFact,
  bounds: Bounds = {},
): Promise<Published> {
  const { headers, messageId, body } = packEvent(event);
  const ack = await mesh.run(`publishing a fact of migration ${id}`, bounds, (session) =>
    session.js.publish(formatFactSubject(id, side, fact), body, {
      msgID: messageId,
      headers,
      timeout: bounds.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    }),
  );
  return { sequence: ack.seq, duplicate: ack.duplicate };
}

/**
 * Every fact of a migration that is kept, in the order in which NATS took them; ends after the last there is.
 * Throws EVENTS_UNAVAILABLE when the connection breaks on the way.
 */
export async function* replayFacts(
  mesh: Mesh,
  id: MigrationId,
  signal: AbortSignal,
): AsyncGenerator<MigrationFact, void, undefined> {
  const slot = new Slot<MigrationFact>();
  const end = new AbortController();
  const reading = mesh
    .run(`reading the facts of migration ${id}`, { signal, timeoutMs: REPLAY_TIMEOUT_MS }, (session) =>
      tail(session, {
        stream: MIGRATIONS_STREAM,
        subject: factSubjects(id),
        from: 1,
        signal: AbortSignal.any([end.signal, signal, session.signal]),
        async onMessage(message) {
          const place = parseFactSubject(message.subject);
          if (place)
            await slot.put({ side: place.side, fact: place.fact, event: Event.decode(message.data) });
        },
        onCaughtUp: () => end.abort(),
      }),
    )
    .then(
      () => slot.end(),
      (e: unknown) => slot.end(e),
    );
  try {
    for (let fact = await slot.take(); fact !== undefined; fact = await slot.take()) yield fact;
  } finally {
    end.abort();
    slot.end();
    await reading;
  }
}

const REPLAY_TIMEOUT_MS = 60_000;
