import { setTimeout as delay } from "node:timers/promises";
import { Event } from "@virtmesh/api/gen/virtmesh/v1/event";
import { parseConnectionUri } from "@virtmesh/core/uri";
import { raceAbort } from "@virtmesh/mesh/abort";
import type { Mesh, Session } from "@virtmesh/mesh/connection";
import { lastStoredId, publishOn } from "@virtmesh/mesh/events";
import type { MeshLogger } from "@virtmesh/mesh/logger";
import type { Position } from "./position.ts";
import { writePosition } from "./position.ts";
import type { SegmentLog } from "./segment-log.ts";
import type { Damage, SegmentReader } from "./segment-reader.ts";

export interface SenderOptions {
  readonly log: SegmentLog;
  readonly mesh: Mesh;
  readonly logger: MeshLogger;
  readonly positionFile: string;
  readonly position: Position;
}

const ACK_TIMEOUT_MS = 5_000;
const RETRY_MS = 500;
/** The position is written after so many events, when nothing waits, and at the end. */
const POSITION_EVERY = 64;
/** JetStream syncs its files every two minutes by default: a server's crash may take back what it acknowledged since. */
const KEEP_SENT_MS = 5 * 60_000;

/**
 * Empties the log into JetStream, one event at a time: with two under way the second could be stored and the
 * first refused. Where it stands is settled with JetStream at every connection and after every doubt, by the
 * last event of this agent that is stored there:
 *
 *   stored = last sent              nothing to settle
 *   stored is a waiting event       an acknowledgement was lost, or this process died before it noted it: go on behind it
 *   stored is an older event        the server lost what it had acknowledged: send that again
 *
 * Shorter doubts (an attempt still on its way) are caught by JetStream's duplicate window.
 */
export class Sender {
  readonly #log: SegmentLog;
  readonly #mesh: Mesh;
  readonly #logger: MeshLogger;
  readonly #positionFile: string;
  readonly #reader: SegmentReader;
  readonly #drained = new Set<() => void>();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #next: number;
  #lastSentId: string;
  #written: number;
  /** Where it stood when it was last told that nothing waits. */
  #told: number;
  #oldestTimeMs = Date.now();
  #wake = Promise.withResolvers<void>();

  constructor(options: SenderOptions) {
    this.#log = options.log;
    this.#mesh = options.mesh;
    this.#logger = options.logger;
    this.#positionFile = options.positionFile;
    this.#reader = options.log.reader();
    this.#next = Math.min(Math.max(options.position.next, this.#log.first), this.#log.end);
    this.#lastSentId = options.position.lastSentId;
    this.#written = this.#next;
    this.#told = this.#next;
    this.#running = this.#run(AbortSignal.any([this.#stop.signal, this.#mesh.closing]));
  }

  /** Number of the first record that waits. */
  get next(): number {
    return this.#next;
  }

  /** When the event happened that waits longest. */
  get oldestTimeMs(): number {
    return this.#oldestTimeMs;
  }

  onDrained(listener: () => void): Disposable {
    this.#drained.add(listener);
    return { [Symbol.dispose]: () => void this.#drained.delete(listener) };
  }

  /** Something was appended. */
  wake(): void {
    this.#wake.resolve();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#savePosition();
    await this.#reader.close();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const wake = (): void => this.wake();
    signal.addEventListener("abort", wake, { once: true });
    let failing = false;
    while (!signal.aborted) {
      let session: Session | undefined;
      try {
        await this.#peek();
        session = await this.#mesh.whenConnected(signal);
        await this.#settle(session, signal);
        failing = await this.#empty(session, signal, failing);
      } catch (e) {
        if (signal.aborted) return;
        if (!failing)
          this.#logger.warn(
            { err: e, waiting: this.#log.end - this.#next },
            "events cannot be sent, they wait",
          );
        failing = true;
        // A broken connection needs no pause: the next one is waited for.
        if (!session?.signal.aborted) await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #empty(session: Session, signal: AbortSignal, failing: boolean): Promise<boolean> {
    const ended = AbortSignal.any([signal, session.signal]);
    const wake = (): void => this.wake();
    ended.addEventListener("abort", wake, { once: true });
    let failed = failing;
    while (!ended.aborted) {
      this.#wake = Promise.withResolvers<void>();
      const event = await this.#peek();
      if (!event) {
        await this.#restDrained();
        if (this.#log.end === this.#next && !ended.aborted) await this.#wake.promise;
        continue;
      }
      await raceAbort(publishOn(session, event, ACK_TIMEOUT_MS), ended);
      if (failed) this.#logger.info({ waiting: this.#log.end - this.#next }, "events are being sent again");
      failed = false;
      this.#next += 1;
      this.#lastSentId = event.id;
      if (this.#next - this.#written >= POSITION_EVERY) await this.#savePosition();
    }
    return failed;
  }

  async #restDrained(): Promise<void> {
    if (this.#written !== this.#next) await this.#savePosition();
    if (this.#told === this.#next || this.#log.end !== this.#next) return;
    this.#told = this.#next;
    for (const listener of [...this.#drained]) listener();
  }

  /** The event that waits longest. */
  async #peek(): Promise<Event | undefined> {
    const record = await this.#reader.read(this.#next, (damage) => this.#report(damage));
    if (!record) {
      this.#next = Math.max(this.#next, this.#log.end);
      return undefined;
    }
    this.#next = record.index;
    const event = Event.decode(record.payload);
    this.#oldestTimeMs = event.time?.getTime() ?? Date.now();
    return event;
  }

  async #settle(session: Session, signal: AbortSignal): Promise<void> {
    const agent = await this.#agent();
    if (!agent) return;
    const stored = await raceAbort(
      lastStoredId(session, agent.host, parseConnectionUri(agent.uri).scheme),
      AbortSignal.any([signal, session.signal]),
    );
    if (stored === undefined || stored === this.#lastSentId) return;
    const index = await this.#find(stored);
    if (index === undefined) return;
    const next = index + 1;
    if (next < this.#next) {
      this.#logger.warn(
        { events: this.#next - next },
        "NATS lost events that it had stored, they are sent again",
      );
    }
    this.#next = next;
    this.#lastSentId = stored;
  }

  /** Any event of this log tells whose it is. */
  async #agent(): Promise<Event | undefined> {
    const reader = this.#log.reader();
    try {
      const record = await reader.read(Math.max(this.#log.first, this.#next - 1), (d) => this.#report(d));
      return record && Event.decode(record.payload);
    } finally {
      await reader.close();
    }
  }

  /** Number of the event with that id, waiting or sent and still kept. */
  async #find(id: string): Promise<number | undefined> {
    const reader = this.#log.reader();
    try {
      let index = this.#log.first;
      for (;;) {
        const record = await reader.read(index, (d) => this.#report(d));
        if (!record) return undefined;
        if (Event.decode(record.payload).id === id) return record.index;
        index = record.index + 1;
      }
    } finally {
      await reader.close();
    }
  }

  async #savePosition(): Promise<void> {
    await writePosition(this.#positionFile, { next: this.#next, lastSentId: this.#lastSentId });
    this.#written = this.#next;
    await this.#log.dropBefore(this.#next, Date.now() - KEEP_SENT_MS);
  }

  #report(damage: Damage): void {
    this.#logger.error({ ...damage }, "the outbox is damaged on disk, events of this file are lost");
  }
}
