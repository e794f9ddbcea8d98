import { join } from "node:path";
import { Event } from "@virtmesh/api/gen/virtmesh/v1/event";
import { systemCode, VirtError } from "@virtmesh/core/errors";
import type { Mesh } from "@virtmesh/mesh/connection";
import type { MeshLogger } from "@virtmesh/mesh/logger";
import { silentLogger } from "@virtmesh/mesh/logger";
import { subjectOf } from "@virtmesh/mesh/subjects";
import { encodeFrame, MAX_PAYLOAD_BYTES } from "./frame.ts";
import { readPosition } from "./position.ts";
import { SegmentLog } from "./segment-log.ts";
import { Sender } from "./sender.ts";

export interface OutboxOptions {
  /** A directory of its own. */
  readonly dir: string;
  readonly mesh: Mesh;
  readonly logger?: MeshLogger;
  /** A new segment file is begun after this many bytes; 4 MiB unless told. */
  readonly segmentBytes?: number;
}

const SEGMENT_BYTES = 4 * 1024 * 1024;

interface Waiting {
  readonly frame: Buffer;
  readonly resolve: () => void;
  readonly reject: (e: unknown) => void;
}

/**
 * Events on their way to NATS, kept on disk until JetStream has stored them. They leave in the order in which
 * they were appended, one at a time, each once.
 */
export class Outbox implements AsyncDisposable {
  readonly #log: SegmentLog;
  readonly #sender: Sender;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #closed = false;

  private constructor(log: SegmentLog, sender: Sender) {
    this.#log = log;
    this.#sender = sender;
  }

  /** Opens the directory, cuts a torn tail (reported to the log) and begins to send. */
  static async open(options: OutboxOptions): Promise<Outbox> {
    const logger = options.logger ?? silentLogger;
    const log = await SegmentLog.open(options.dir, options.segmentBytes ?? SEGMENT_BYTES, (e) => {
      logger.error(
        { err: e },
        "the outbox could not be synced to disk, a power failure may lose its last events",
      );
    });
    if (log.tornTail)
      logger.warn({ ...log.tornTail }, "the outbox ended in half an event, which was cut off");
    const positionFile = join(options.dir, "position");
    const position = await readPosition(positionFile, (text) => {
      logger.error({ text }, "the outbox's position cannot be read, it is found again by asking NATS");
    });
    return new Outbox(log, new Sender({ log, mesh: options.mesh, logger, positionFile, position }));
  }

  /**
   * Resolves when the event is in the file (it then survives the end of the process). The order of the calls is
   * the order of the events. INVALID_FIELD for an event that cannot be published; NO_SPACE when the disk is full.
   */
  async append(event: Event): Promise<void> {
    if (this.#closed) throw new VirtError("SHUTTING_DOWN", "the outbox is closed");
    const frame = frameOf(event);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ frame, resolve, reject });
    this.#writing ??= this.#write();
    await promise;
  }

  /** Events that wait. */
  get length(): number {
    return this.#log.end - this.#sender.next;
  }

  /** How long the oldest waiting event has waited, in milliseconds; 0 when none waits. */
  get oldestMs(): number {
    return this.length === 0 ? 0 : Math.max(0, Date.now() - this.#sender.oldestTimeMs);
  }

  /** Called each time the last waiting event has left. */
  onDrained(listener: () => void): Disposable {
    return this.#sender.onDrained(listener);
  }

  /** What waits stays on disk for the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#writing;
    await this.#sender.close();
    await this.#log.close();
  }

  /** Never rejects. Everything that came while one write was under way goes into the next. */
  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#log.append(batch.map((w) => w.frame));
        for (const w of batch) w.resolve();
        this.#sender.wake();
      } catch (e) {
        const error = writeFailure(e);
        for (const w of batch) w.reject(error);
      }
    }
    this.#writing = undefined;
  }
}

/** What could never leave must not get in, since everything behind it would wait for ever. */
function frameOf(event: Event): Buffer {
  subjectOf(event);
  const payload = Event.encode(event).finish();
  if (event.id === "" || payload.length > MAX_PAYLOAD_BYTES) {
    throw new VirtError(
      "INVALID_FIELD",
      `event "${event.id}" of ${payload.length} bytes cannot be published: it needs an id and at most ${MAX_PAYLOAD_BYTES} bytes`,
    );
  }
  return encodeFrame(payload);
}

function writeFailure(e: unknown): VirtError {
  const full = systemCode(e) === "ENOSPC";
  return full
    ? new VirtError(
        "NO_SPACE",
        "the disk with the agent's outbox is full; make room or bring NATS back",
        {},
        { cause: e },
      )
    : new VirtError("INTERNAL", "the agent's outbox cannot be written", {}, { cause: e });
}
