import { createHash } from "node:crypto";
import { VirtError } from "@virtmesh/core/errors";
import type { LineLog } from "../journal/line-log.ts";
import type { ErrorFields } from "./stored-error.ts";
import { fromFields, toFields } from "./stored-error.ts";

/** A change that may be asked for again. */
export interface RememberedRequest {
  /** Empty: the caller does not want it remembered. */
  readonly requestId: string;
  /** Full name of the method, so that one id cannot mean two things. */
  readonly method: string;
  /** Who asks: an id is remembered for its caller alone. */
  readonly actor: string;
  /** The request as it is encoded; the same body means the same bytes. */
  readonly body: Uint8Array;
}

/** How an answer becomes bytes and back. */
export interface AnswerCodec<T> {
  encode(answer: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

export interface RequestMemoryOptions {
  readonly log: LineLog;
  /** What `log` held when it was opened. */
  readonly entries: readonly unknown[];
  /** How long an answer is kept; 24 hours unless told. */
  readonly keepMs?: number;
  /** How many answers are kept; 10,000 unless told. The oldest are forgotten first. */
  readonly keep?: number;
  readonly now?: () => number;
  /** Told when an answer could not be written: it is remembered until the agent ends, and no longer. */
  readonly onProblem?: (e: unknown) => void;
}

/** One line of the file: `a` the answer in base64, or `e` the error. */
interface StoredAnswer {
  readonly id: string;
  readonly hash: string;
  readonly atMs: number;
  readonly a?: string;
  readonly e?: ErrorFields;
}

type Outcome = { readonly answer: Uint8Array } | { readonly error: VirtError };

interface Running {
  readonly hash: string;
  readonly outcome: Promise<Outcome>;
}

const DAY_MS = 24 * 3600 * 1000;
const KEEP = 10_000;
const SLACK_LINES = 5_000;
const MAX_ID_BYTES = 256;

/**
 * Makes changes safe to retry (AIP-155): the same request id with the same body is answered with what the first
 * one was answered, also while that still runs, and also by an agent that was restarted in between.
 */
export class RequestMemory implements AsyncDisposable {
  readonly #log: LineLog;
  readonly #keepMs: number;
  readonly #keep: number;
  readonly #now: () => number;
  readonly #onProblem: (e: unknown) => void;
  readonly #running = new Map<string, Running>();
  /** Oldest first. */
  readonly #answers = new Map<string, StoredAnswer>();

  constructor(options: RequestMemoryOptions) {
    this.#log = options.log;
    this.#keepMs = options.keepMs ?? DAY_MS;
    this.#keep = options.keep ?? KEEP;
    this.#now = options.now ?? Date.now;
    this.#onProblem = options.onProblem ?? (() => undefined);
    for (const entry of options.entries) if (isStored(entry)) this.#answers.set(entry.id, entry);
    this.#forgetOld();
  }

  get size(): number {
    return this.#answers.size;
  }

  /**
   * Answers from memory, joins the same request while it runs, or does the work. Throws REQUEST_ID_REUSED when the
   * id came with another body.
   */
  async once<T>(request: RememberedRequest, codec: AnswerCodec<T>, work: () => Promise<T>): Promise<T> {
    if (request.requestId === "") return work();
    if (Buffer.byteLength(request.requestId) > MAX_ID_BYTES) {
      throw new VirtError(
        "INVALID_FIELD",
        `a request id may have at most ${MAX_ID_BYTES} bytes; a UUID is what it is meant to be`,
        {
          violations: [{ field: "request_id", description: "too long" }],
        },
      );
    }
    const key = `${request.actor}\n${request.requestId}`;
    const hash = hashOf(request);
    for (let known = this.#recall(key, hash, request.requestId); known; ) {
      const outcome = await known;
      // The caller that was joined gave up, which is not this one's answer: it does the work itself.
      if (!("error" in outcome) || !isGivenUp(outcome.error)) return open(outcome, codec);
      known = this.#recall(key, hash, request.requestId);
    }
    const outcome = this.#perform(key, hash, codec, work);
    this.#running.set(key, { hash, outcome });
    return open(await outcome, codec);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#log[Symbol.asyncDispose]();
  }

  #recall(key: string, hash: string, requestId: string): Promise<Outcome> | undefined {
    this.#forgetOld();
    const running = this.#running.get(key);
    const stored = this.#answers.get(key);
    const first = running ?? stored;
    if (!first) return undefined;
    if (first.hash !== hash) {
      throw new VirtError(
        "REQUEST_ID_REUSED",
        `the request id "${requestId}" was used before for another request, make a new one`,
        {
          violations: [{ field: "request_id", description: "used before with another body" }],
        },
      );
    }
    return running?.outcome ?? (stored && Promise.resolve(outcomeOf(stored)));
  }

  async #perform<T>(
    key: string,
    hash: string,
    codec: AnswerCodec<T>,
    work: () => Promise<T>,
  ): Promise<Outcome> {
    let outcome: Outcome;
    try {
      outcome = { answer: codec.encode(await work()).finish() };
    } catch (e) {
      outcome = { error: VirtError.from(e) };
    }
    try {
      if ("answer" in outcome || isFinal(outcome.error)) await this.#remember(key, hash, outcome);
    } catch (e) {
      // The change is done, and its answer is true whether it could be written down or not.
      this.#onProblem(e);
    } finally {
      // Gone before anybody hears of it, so that who joined and has to do it itself does not join again.
      this.#running.delete(key);
    }
    return outcome;
  }

  async #remember(key: string, hash: string, outcome: Outcome): Promise<void> {
    const stored: StoredAnswer = {
      id: key,
      hash,
      atMs: this.#now(),
      ...("answer" in outcome
        ? { a: Buffer.from(outcome.answer).toString("base64") }
        : { e: toFields(outcome.error) }),
    };
    this.#answers.delete(key);
    this.#answers.set(key, stored);
    this.#forgetOld();
    if (this.#log.lines > this.#answers.size + SLACK_LINES)
      await this.#log.rewrite([...this.#answers.values()]);
    else await this.#log.append(stored);
  }

  #forgetOld(): void {
    const oldest = this.#now() - this.#keepMs;
    for (const [id, stored] of this.#answers) {
      if (stored.atMs >= oldest && this.#answers.size <= this.#keep) return;
      this.#answers.delete(id);
    }
  }
}

/**
 * Whether asking again would be answered the same. What was busy, unreachable, late or cancelled may go well the
 * next time, and a retry with the same id is meant to try.
 */
function isFinal(e: VirtError): boolean {
  switch (e.code) {
    case "INVALID_ARGUMENT":
    case "NOT_FOUND":
    case "ALREADY_EXISTS":
    case "FAILED_PRECONDITION":
    case "UNIMPLEMENTED":
    case "OUT_OF_RANGE":
    case "PERMISSION_DENIED":
      return true;
    case "ABORTED":
      return e.reason === "ETAG_MISMATCH" || e.reason === "MIGRATION_FAILED";
    case "UNAUTHENTICATED":
    case "RESOURCE_EXHAUSTED":
    case "DEADLINE_EXCEEDED":
    case "CANCELLED":
    case "UNAVAILABLE":
    case "INTERNAL":
      return false;
  }
}

function isGivenUp(e: VirtError): boolean {
  return e.code === "CANCELLED" || e.code === "DEADLINE_EXCEEDED";
}

function open<T>(outcome: Outcome, codec: AnswerCodec<T>): T {
  if ("error" in outcome) throw outcome.error;
  return codec.decode(outcome.answer);
}

function outcomeOf(stored: StoredAnswer): Outcome {
  if (stored.e) return { error: fromFields(stored.e) };
  return { answer: Buffer.from(stored.a ?? "", "base64") };
}

function hashOf(request: RememberedRequest): string {
  return createHash("sha256").update(request.method).update("\n").update(request.body).digest("base64");
}

function isStored(entry: unknown): entry is StoredAnswer {
  if (typeof entry !== "object" || entry === null) return false;
  const { id, hash, atMs } = entry as Partial<StoredAnswer>;
  return typeof id === "string" && typeof hash === "string" && typeof atMs === "number";
}
