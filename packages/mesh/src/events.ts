import { setTimeout as delay } from "node:timers/promises";
import { crc32 } from "node:zlib";
import type { JsMsg } from "@nats-io/jetstream";
import type { Event } from "@virtmesh/api/gen/virtmesh/v1/event";
import { VirtError } from "@virtmesh/core/errors";
import { isUriPattern, matchesUriPattern, parseConnectionUri } from "@virtmesh/core/uri";
import type { Bounds } from "./bounds.ts";
import { DEFAULT_TIMEOUT_MS } from "./bounds.ts";
import type { Mesh, Session } from "./connection.ts";
import { messageIdOf, packEvent, unpackEvent } from "./envelope.ts";
import { EVENTS_STREAM } from "./infrastructure.ts";
import { Slot } from "./slot.ts";
import { agentEventSubjects, eventSubjects, subjectOf } from "./subjects.ts";
import { tail } from "./tail.ts";
import type { Place } from "./token.ts";
import { formatToken, parseToken, resume } from "./token.ts";

export interface Published {
  readonly sequence: number;
  /** It was there already: an earlier attempt had arrived. */
  readonly duplicate: boolean;
}

/** Which events; every absent field means all. */
export interface EventFilter {
  /** Connection URI or pattern, as in `WatchRequest.uri`. */
  readonly uri?: string;
  readonly domainUuid?: string;
  /** Said in code, for what the subject does not tell. */
  readonly accept?: (event: Event) => boolean;
}

export interface WatchOptions {
  /** Token of an earlier item, or "now". */
  readonly after: string;
  readonly filter?: EventFilter;
  readonly signal: AbortSignal;
  /** Time between heartbeats; 10 s unless told. */
  readonly heartbeatMs?: number;
  /** How far a reader may fall behind, in events, after it was in step once; 10,000 unless told. */
  readonly maxBehind?: number;
}

/** `token` is what to give as `after` to go on behind this item. */
export type WatchItem =
  | { readonly kind: "event"; readonly token: string; readonly event: Event }
  /** Everything up to the moment of the call has been given. */
  | { readonly kind: "synced"; readonly token: string }
  /** Events between the token and the next item are lost to this reader. */
  | { readonly kind: "gap"; readonly token: string; readonly reason: string }
  | { readonly kind: "heartbeat"; readonly token: string; readonly time: Date };

const HEARTBEAT_MS = 10_000;
const MAX_BEHIND = 10_000;
const RETRY_MS = 1_000;

/**
 * Publishes one event under its subject with its id as message id; resolves when JetStream has stored it.
 * EVENTS_UNAVAILABLE when that is not known in time: it may be stored or not.
 */
export async function publishEvent(mesh: Mesh, event: Event, bounds: Bounds = {}): Promise<Published> {
  return mesh.run("publishing an event", bounds, (session) =>
    publishOn(session, event, bounds.timeoutMs ?? DEFAULT_TIMEOUT_MS),
  );
}

/** The same on one connection; rejects with what the client library says when it breaks. */
export async function publishOn(session: Session, event: Event, timeoutMs: number): Promise<Published> {
  const { headers, messageId, body } = packEvent(event);
  const ack = await session.js.publish(subjectOf(event), body, {
    msgID: messageId,
    headers,
    timeout: timeoutMs,
  });
  return { sequence: ack.seq, duplicate: ack.duplicate };
}

/** Id of the last event of an agent that is stored; undefined when none is. */
export async function lastStoredId(
  session: Session,
  host: string,
  hypervisor: string,
): Promise<string | undefined> {
  const stored = await session.jsm.streams.getMessage(EVENTS_STREAM, {
    last_by_subj: agentEventSubjects(host, hypervisor),
  });
  return stored ? messageIdOf(stored.header) : undefined;
}

/**
 * The events after a token, then what happens, in order and without end, over lost connections. Ends when
 * `signal` is aborted. Throws INVALID_PAGE_TOKEN for a text that is no token, and SLOW_READER (metadata
 * `resume_token`) when the reader falls too far behind.
 */
export async function* watchEvents(
  mesh: Mesh,
  options: WatchOptions,
): AsyncGenerator<WatchItem, void, undefined> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, mesh.closing, stop.signal]);
  const watcher = new Watcher(mesh, options, signal);
  const running = watcher.run();
  const heartbeat = setInterval(() => watcher.beat(), options.heartbeatMs ?? HEARTBEAT_MS);
  try {
    for (let item = await watcher.out.take(); item !== undefined; item = await watcher.out.take()) yield item;
  } finally {
    clearInterval(heartbeat);
    stop.abort();
    watcher.out.end();
    await running;
  }
}

class Watcher {
  readonly out = new Slot<WatchItem>();
  readonly #mesh: Mesh;
  readonly #filter: EventFilter;
  readonly #maxBehind: number;
  readonly #signal: AbortSignal;
  /** undefined until "now" has been found out. */
  #place: Place | undefined;
  #synced = false;
  /** Whether the reader has been at the end of the stream since the last connection was made. */
  #inStep = false;

  constructor(mesh: Mesh, options: WatchOptions, signal: AbortSignal) {
    this.#mesh = mesh;
    this.#filter = options.filter ?? {};
    this.#maxBehind = options.maxBehind ?? MAX_BEHIND;
    this.#signal = signal;
    this.#place = options.after === "now" ? undefined : parseToken(options.after);
  }

  beat(): void {
    if (this.#place) this.out.poke({ kind: "heartbeat", token: formatToken(this.#place), time: new Date() });
  }

  /** Never rejects: what ends the watch is given to the reader. */
  async run(): Promise<void> {
    const end = (): void => this.out.end();
    this.#signal.addEventListener("abort", end, { once: true });
    try {
      while (!this.#signal.aborted) await this.#oneConnection();
    } catch (e) {
      this.out.end(this.#signal.aborted ? undefined : e);
    } finally {
      this.#signal.removeEventListener("abort", end);
      end();
    }
  }

  async #oneConnection(): Promise<void> {
    const session = await this.#mesh.whenConnected(this.#signal);
    try {
      await this.#follow(session);
    } catch (e) {
      if (this.#signal.aborted || (VirtError.is(e) && e.reason === "SLOW_READER")) throw e;
      if (session.signal.aborted) return;
      this.#mesh.logger.warn({ err: e }, "the stream of events cannot be read, trying again");
      await delay(RETRY_MS, undefined, { signal: this.#signal });
    }
  }

  async #follow(session: Session): Promise<void> {
    const { from, end } = await this.#begin(session);
    this.#inStep = false;
    await tail(session, {
      stream: EVENTS_STREAM,
      subject: subjectFor(this.#filter),
      from,
      signal: AbortSignal.any([this.#signal, session.signal]),
      onMessage: (message) => this.#give(message),
      onCaughtUp: () => this.#caughtUp(end),
    });
  }

  /** Where to go on, after telling a gap if there is one, and where the stream ends at this moment. */
  async #begin(session: Session): Promise<{ from: number; end: number }> {
    const { created, state } = await session.jsm.streams.info(EVENTS_STREAM);
    const stream = checksum(new Date(created).toISOString());
    const place = this.#place;
    if (!place) {
      this.#place = { stream, sequence: state.last_seq, check: "" };
      return { from: state.last_seq + 1, end: state.last_seq };
    }
    const { from, gap } = resume(place, {
      stream,
      first: state.first_seq,
      last: state.last_seq,
      check: await checkAt(session, place),
    });
    if (gap !== undefined) {
      this.#place = { stream, sequence: from - 1, check: "" };
      await this.out.put({ kind: "gap", token: formatToken(this.#place), reason: gap });
    }
    return { from, end: state.last_seq };
  }

  async #give(message: JsMsg): Promise<void> {
    const behind = message.info.pending;
    if (this.#inStep && behind > this.#maxBehind) throw slowReader(behind, this.#place);
    if (behind === 0) this.#inStep = true;
    await this.#noticePurge(message.seq);
    const event = unpackEvent(message.data);
    const stream = this.#place?.stream ?? "";
    const place = { stream, sequence: message.seq, check: checksum(messageIdOf(message.headers)) };
    if (accepts(this.#filter, event)) {
      const put = this.out.put({ kind: "event", token: formatToken(place), event });
      this.#place = place;
      await put;
    } else {
      this.#place = place;
    }
  }

  /** Events that aged out, or were purged, before a reader who stood still for long came to them. */
  async #noticePurge(next: number): Promise<void> {
    const place = this.#place;
    if (!place || next <= place.sequence + 1 || isFiltered(this.#filter)) return;
    this.#place = { stream: place.stream, sequence: next - 1, check: "" };
    await this.out.put({
      kind: "gap",
      token: formatToken(this.#place),
      reason: `events ${place.sequence + 1} to ${next - 1} are not kept any more`,
    });
  }

  async #caughtUp(end: number): Promise<void> {
    this.#inStep = true;
    const place = this.#place;
    if (!place || this.#synced) return;
    this.#synced = true;
    // With a filter, the last event given may be far from the end that was reached.
    if (end > place.sequence) this.#place = { stream: place.stream, sequence: end, check: "" };
    await this.out.put({ kind: "synced", token: formatToken(this.#place ?? place) });
  }
}

/** Checksum of the id of the event that has the place's sequence now. */
async function checkAt(session: Session, place: Place): Promise<string | undefined> {
  if (place.check === "" || place.sequence === 0) return undefined;
  const stored = await session.jsm.streams.getMessage(EVENTS_STREAM, { seq: place.sequence });
  return stored ? checksum(messageIdOf(stored.header)) : undefined;
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}

function slowReader(behind: number, place: Place | undefined): VirtError {
  const token = place ? formatToken(place) : "";
  return new VirtError(
    "SLOW_READER",
    `the reader is ${behind} events behind; read faster, or watch fewer guests, and go on from the token`,
    { metadata: { resume_token: token } },
  );
}

/** What the server can filter by; a pattern over hosts is left to `accepts`. */
function subjectFor(filter: EventFilter): string {
  const uri =
    filter.uri !== undefined && !isUriPattern(filter.uri) ? parseConnectionUri(filter.uri) : undefined;
  return eventSubjects({
    ...(uri?.host ? { host: uri.host } : {}),
    ...(uri ? { hypervisor: uri.scheme } : {}),
    ...(filter.domainUuid === undefined ? {} : { domainUuid: filter.domainUuid }),
  });
}

/** Whether the server leaves events out: a jump in the numbers then means nothing. */
function isFiltered(filter: EventFilter): boolean {
  return subjectFor(filter) !== eventSubjects({});
}

function accepts(filter: EventFilter, event: Event): boolean {
  if (filter.uri !== undefined && isUriPattern(filter.uri) && !matchesUriPattern(filter.uri, event.uri))
    return false;
  return filter.accept?.(event) ?? true;
}
