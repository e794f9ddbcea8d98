import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import type { Any } from "@virtmesh/api/gen/google/protobuf/any";
import type { Status } from "@virtmesh/api/gen/google/rpc/status";
import type { OperationMetadata } from "@virtmesh/api/gen/virtmesh/v1/operation";
import type { Call } from "@virtmesh/core/call";
import { VirtError } from "@virtmesh/core/errors";
import type { LineLog } from "../journal/line-log.ts";
import type { OperationState } from "./state.ts";
import { fromEntry, operationId, operationName, toEntry, toOperation, traceIdOf } from "./state.ts";

/** What an operation is about. */
export interface OperationStart {
  /** Made up when absent; a migration gives its own id. A UUID. */
  readonly id?: string;
  /** `shutdown`, `reboot`, `migrate`, ... */
  readonly verb: string;
  readonly uuid: string;
  readonly name: string;
  /** Of work on a volume, which is about no guest. */
  readonly pool?: string;
  readonly volume?: string;
  /** `operations/<id>` of which it is a part. */
  readonly parent?: string;
  readonly call: Pick<Call, "actor" | "requestId" | "trace">;
}

/** An operation, seen by the work that it stands for. */
export interface RunningOperation {
  readonly id: string;
  /** `operations/<id>`. */
  readonly name: string;
  /** Aborted when somebody asks to cancel. The work decides what that can still change. */
  readonly signal: AbortSignal;
  /** What watchers see from here on. Kept in memory; the last one is on disk when the operation ends. */
  progress(patch: Partial<OperationMetadata>): void;
}

/** Resolves with the packed response, or throws a VirtError: both are the operation's result. */
export type Work = (operation: RunningOperation) => Promise<Any>;

export interface OperationsOptions {
  /** Connection URI of the agent, for the metadata. */
  readonly uri: string;
  readonly log: LineLog;
  /** What `log` held when it was opened. */
  readonly entries: readonly unknown[];
  readonly toStatus: (e: unknown) => Status;
  /** How many finished operations are kept; 1,000 unless told. */
  readonly keep?: number;
  /** Told of an operation that ended in an error that is nobody's but ours, and of a file that cannot be written. */
  readonly onProblem?: (e: unknown, what: string) => void;
}

interface Live {
  state: OperationState;
  readonly cancel: AbortController;
  readonly listeners: Set<() => void>;
}

const KEEP = 1_000;
/** Rewritten when the file has so many lines more than there are operations. */
const SLACK_LINES = 4_000;

/**
 * Long work (AIP-151). An operation is on disk when it is first answered and when it has ended, so that it can be
 * asked for after a restart; what ran then is taken up again (`adopt`) or becomes ABORTED (`abandonRest`).
 */
export class Operations implements AsyncDisposable {
  readonly #options: OperationsOptions;
  /** Oldest first. */
  readonly #operations = new Map<string, Live>();
  readonly #keep: number;
  #closed = false;

  constructor(options: OperationsOptions) {
    this.#options = options;
    this.#keep = options.keep ?? KEEP;
    for (const entry of options.entries) {
      const state = fromEntry(entry);
      if (state) this.#operations.set(state.id, liveOf(state));
    }
  }

  /** Begins an operation and its work; answers it as it is at its beginning. Throws INVALID_FIELD when the id is taken. */
  async start(begin: OperationStart, work: Work): Promise<Operation> {
    if (this.#closed) throw new VirtError("SHUTTING_DOWN", "this agent is ending, try again in a moment");
    const live = this.#make(begin);
    await this.#write(live);
    // Read before the work gets its turn: a caller must see the operation, not a later state of it.
    const answer = toOperation(live.state);
    this.#perform(live, work);
    return answer;
  }

  /** Records work that was over when it was asked for: a `validate_only`, a guest that is off already. */
  async finished(begin: OperationStart, response: Any): Promise<Operation> {
    const live = this.#make(begin);
    this.#finish(live, { $case: "response", value: response });
    await this.#write(live);
    return toOperation(live.state);
  }

  /**
   * Takes up an operation that ran when the agent ended; makes it anew when it is not known any more. An operation
   * whose cancel was asked for before comes with its signal aborted.
   */
  async adopt(begin: OperationStart & { readonly id: string }, work: Work): Promise<Operation> {
    const known = this.#operations.get(begin.id);
    const live = known ?? this.#make(begin);
    if (!known) await this.#write(live);
    if (live.state.result === undefined) {
      if (live.state.metadata.cancelRequested) live.cancel.abort();
      this.#perform(live, work);
    }
    return toOperation(live.state);
  }

  /** Ends what ran when the agent ended and that nobody has adopted. */
  async abandonRest(adopted: ReadonlySet<string>): Promise<number> {
    let count = 0;
    for (const live of this.#operations.values()) {
      if (live.state.result !== undefined || adopted.has(live.state.id)) continue;
      const { verb, domainName, volume } = live.state.metadata;
      const [of, look] =
        volume === "" ? [`guest "${domainName}"`, "guest's state"] : [`volume "${volume}"`, "volume"];
      const e = new VirtError(
        "OPERATION_ABORTED",
        `the agent was restarted while the operation "${verb}" of ${of} ran; read the ${look} to see what came of it`,
      );
      this.#finish(live, { $case: "error", value: this.#options.toStatus(e) });
      await this.#write(live);
      count += 1;
    }
    return count;
  }

  /** Operations that have a result. */
  get(name: string): Operation {
    return toOperation(this.#find(name).state);
  }

  /** All of them, newest first. */
  list(): readonly OperationState[] {
    return [...this.#operations.values()].map((live) => live.state).toReversed();
  }

  /** Asks the work to stop; a finished operation stays as it is. */
  async cancel(name: string): Promise<void> {
    const live = this.#find(name);
    if (live.state.result !== undefined || live.state.metadata.cancelRequested) return;
    this.#update(live, { cancelRequested: true });
    await this.#write(live);
    live.cancel.abort();
  }

  /** The operation when it is done, or how far it is when `signal` aborts or the time is up. */
  async wait(name: string, timeoutMs: number | undefined, signal: AbortSignal): Promise<Operation> {
    const live = this.#find(name);
    const over = Promise.withResolvers<void>();
    const look = (): void => {
      if (live.state.result !== undefined) over.resolve();
    };
    const stop = (): void => over.resolve();
    const timer = timeoutMs === undefined ? undefined : setTimeout(stop, timeoutMs);
    live.listeners.add(look);
    signal.addEventListener("abort", stop, { once: true });
    look();
    if (signal.aborted) stop();
    try {
      await over.promise;
    } finally {
      clearTimeout(timer);
      live.listeners.delete(look);
      signal.removeEventListener("abort", stop);
    }
    return toOperation(live.state);
  }

  /**
   * The operation now, then after every change, the done one last. A reader that is slower than the changes gets
   * the latest state and misses those between.
   */
  async *watch(name: string, signal: AbortSignal): AsyncGenerator<Operation, void, undefined> {
    const live = this.#find(name);
    let changed = Promise.withResolvers<void>();
    const wake = (): void => changed.resolve();
    live.listeners.add(wake);
    signal.addEventListener("abort", wake, { once: true });
    try {
      while (!signal.aborted) {
        changed = Promise.withResolvers<void>();
        const { state } = live;
        yield toOperation(state);
        if (state.result !== undefined) return;
        if (live.state === state && !signal.aborted) await changed.promise;
      }
    } finally {
      live.listeners.delete(wake);
      signal.removeEventListener("abort", wake);
    }
  }

  /**
   * Stops recording: the results of work that ends because the agent ends are not results of the operation. What
   * runs is on disk as running, and is taken up by the next agent.
   */
  freeze(): void {
    this.#closed = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.freeze();
    await this.#options.log[Symbol.asyncDispose]();
  }

  #make(begin: OperationStart): Live {
    const id = begin.id ?? crypto.randomUUID();
    if (this.#operations.has(id))
      throw new VirtError("INVALID_FIELD", `there is an operation ${operationName(id)} already`);
    const now = new Date();
    const live = liveOf({
      id,
      result: undefined,
      metadata: {
        uri: this.#options.uri,
        domainUuid: begin.uuid,
        domainName: begin.name,
        verb: begin.verb,
        startTime: now,
        updateTime: now,
        cancelRequested: false,
        actor: begin.call.actor,
        requestId: begin.call.requestId,
        migration: undefined,
        traceId: traceIdOf(begin.call.trace),
        parent: begin.parent ?? "",
        drain: undefined,
        disk: undefined,
        pool: begin.pool ?? "",
        volume: begin.volume ?? "",
      },
    });
    this.#operations.set(id, live);
    return live;
  }

  #perform(live: Live, work: Work): void {
    const running: RunningOperation = {
      id: live.state.id,
      name: operationName(live.state.id),
      signal: live.cancel.signal,
      progress: (patch) => {
        if (live.state.result === undefined && !this.#closed) this.#update(live, patch);
      },
    };
    // The operation owns its work: every outcome, a failed write too, ends in a state or at onProblem.
    void this.#settle(live, running, work);
  }

  async #settle(live: Live, running: RunningOperation, work: Work): Promise<void> {
    let result: NonNullable<OperationState["result"]>;
    try {
      result = { $case: "response", value: await work(running) };
    } catch (e) {
      if (!this.#closed && VirtError.from(e).reason === "INTERNAL") {
        this.#options.onProblem?.(e, `the operation ${running.name} failed`);
      }
      result = { $case: "error", value: this.#options.toStatus(e) };
    }
    if (this.#closed) return;
    this.#finish(live, result);
    this.#trim();
    try {
      await this.#write(live);
    } catch (e) {
      this.#options.onProblem?.(e, `the end of ${running.name} could not be written`);
    }
  }

  #finish(live: Live, result: NonNullable<OperationState["result"]>): void {
    live.state = { ...live.state, result };
    this.#update(live, {});
  }

  #update(live: Live, patch: Partial<OperationMetadata>): void {
    live.state = { ...live.state, metadata: { ...live.state.metadata, ...patch, updateTime: new Date() } };
    for (const listener of [...live.listeners]) listener();
  }

  #find(name: string): Live {
    const id = operationId(name);
    const live = id === undefined ? undefined : this.#operations.get(id);
    if (!live) {
      throw new VirtError(
        "OPERATION_NOT_FOUND",
        `there is no operation "${name}" on this agent; finished ones are kept for a while only`,
        {
          resource: { type: "operation", name },
        },
      );
    }
    return live;
  }

  /** Forgets the oldest finished ones. */
  #trim(): void {
    let surplus = this.#operations.size - this.#keep;
    for (const [id, live] of this.#operations) {
      if (surplus <= 0) return;
      if (live.state.result === undefined) continue;
      this.#operations.delete(id);
      surplus -= 1;
    }
  }

  async #write(live: Live): Promise<void> {
    const { log } = this.#options;
    if (log.lines > this.#operations.size + SLACK_LINES) {
      await log.rewrite([...this.#operations.values()].map((each) => toEntry(each.state)));
    } else {
      await log.append(toEntry(live.state));
    }
  }
}

function liveOf(state: OperationState): Live {
  return { state, cancel: new AbortController(), listeners: new Set() };
}
