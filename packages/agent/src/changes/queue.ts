import type { Call } from "@virtmesh/core/call";
import { VirtError } from "@virtmesh/core/errors";

/** What a change is about. Changes that share the UUID or the name wait for each other. */
export interface ChangeTarget {
  readonly uuid: string;
  /** Given where the name must not be taken meanwhile: define, create, the destination of a migration. */
  readonly name?: string;
}

export interface ChangeInfo {
  /** `start`, `define`, `migrate`, ... */
  readonly verb: string;
  /** `operations/<id>` of the long work that holds the guest. */
  readonly operation?: string;
  /** Long work, a migration: while it holds the guest or waits for it, others are refused and do not wait. */
  readonly exclusive?: boolean;
  /**
   * Asked when somebody wants to end the guest at once, with who that is. True: the work has let go of the guest
   * and goes on with it no more; false: it is too late for that.
   */
  readonly letGo?: (actor: string) => boolean;
  /** W3C traceparent of who asked, given to the events that the change brings about. */
  readonly trace?: string;
}

/** Who changes a guest at this moment. */
export interface Holder {
  readonly verb: string;
  readonly operation: string;
  readonly trace: string;
  readonly exclusive: boolean;
  readonly sinceMs: number;
}

/** The right to change a guest, until disposed. Disposing twice does nothing. */
export interface Hold extends Disposable {
  readonly target: ChangeTarget;
}

export interface ChangeQueueOptions {
  /** How many changes may wait for one guest; 64 unless told. */
  readonly maxWaiting?: number;
  /** Called at the end of every change. */
  readonly onEnd?: (verb: string, seconds: number) => void;
}

interface Ticket {
  readonly target: ChangeTarget;
  readonly keys: readonly string[];
  readonly info: ChangeInfo;
  sinceMs: number;
  holding: boolean;
  readonly ended: PromiseWithResolvers<void>;
  readonly begin: () => void;
  readonly refuse: (e: VirtError) => void;
}

const MAX_WAITING = 64;

/**
 * Changes of one guest, one after the other in the order in which they came; changes of different guests know
 * nothing of each other.
 *
 * A ticket stands in one line for its UUID and one for its name, and has its turn when it is first in each. All
 * its places are taken at the same moment, so that the lines agree on who came first and cannot block each other.
 */
export class ChangeQueue implements Disposable {
  readonly #lines = new Map<string, Ticket[]>();
  readonly #maxWaiting: number;
  readonly #onEnd: (verb: string, seconds: number) => void;
  #waiting = 0;
  #closed = false;

  constructor(options: ChangeQueueOptions = {}) {
    this.#maxWaiting = options.maxWaiting ?? MAX_WAITING;
    this.#onEnd = options.onEnd ?? (() => undefined);
  }

  /** Changes that wait for their turn, of all guests. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Who changes the guest now, if anybody does. */
  holderOf(uuid: string): Holder | undefined {
    const first = this.#lines.get(uuidKey(uuid))?.[0];
    if (!first?.holding) return undefined;
    const { verb, operation = "", trace = "", exclusive = false } = first.info;
    return { verb, operation, trace, exclusive, sinceMs: first.sinceMs };
  }

  /** Resolves when the exclusive work that holds the guest now is over; undefined when there is none. */
  whenFree(uuid: string): Promise<void> | undefined {
    const first = this.#lines.get(uuidKey(uuid))?.[0];
    return first?.holding === true && first.info.exclusive === true ? first.ended.promise : undefined;
  }

  /** Throws what `acquire` would throw at once: for who wants to look around first. */
  admit(target: ChangeTarget): void {
    this.#checkOpen();
    this.#checkRoom(target, keysOf(target));
  }

  /** Asks the long work that holds the guest to let go of it, so that it can be ended at once. */
  letsGo(uuid: string, actor: string): boolean {
    const first = this.#lines.get(uuidKey(uuid))?.[0];
    return first?.holding === true && first.info.letGo?.(actor) === true;
  }

  /**
   * Waits for the turn. Throws DEADLINE or CANCELLED naming the change that holds the guest, DOMAIN_BUSY at once
   * when that is an exclusive one, LIMIT_REACHED when too many wait already.
   */
  async acquire(
    target: ChangeTarget,
    info: ChangeInfo,
    call: Pick<Call, "signal" | "deadline">,
  ): Promise<Hold> {
    const keys = keysOf(target);
    this.#checkOpen();
    this.#checkRoom(target, keys);
    if (call.signal.aborted) throw this.#gaveUp(target, keys, isPast(call.deadline));
    const turn = Promise.withResolvers<void>();
    const ticket: Ticket = {
      target,
      keys,
      info,
      sinceMs: Date.now(),
      holding: false,
      ended: Promise.withResolvers(),
      begin: turn.resolve,
      refuse: turn.reject,
    };
    this.#enqueue(ticket);
    if (!ticket.holding) await this.#waitFor(ticket, turn.promise, call);
    return this.#hold(ticket);
  }

  /** Takes a guest that nobody changes, without waiting: for work that is taken up after a restart. Throws DOMAIN_BUSY. */
  seize(target: ChangeTarget, info: ChangeInfo): Hold {
    const keys = keysOf(target);
    this.#checkOpen();
    for (const key of keys) {
      const first = this.#lines.get(key)?.[0];
      if (first) throw busy(target, first);
    }
    const ticket: Ticket = {
      target,
      keys,
      info,
      sinceMs: Date.now(),
      holding: false,
      ended: Promise.withResolvers(),
      begin: () => undefined,
      refuse: () => undefined,
    };
    this.#enqueue(ticket);
    return this.#hold(ticket);
  }

  /** Runs `work` in its turn. */
  async run<T>(
    target: ChangeTarget,
    info: ChangeInfo,
    call: Pick<Call, "signal" | "deadline">,
    work: () => Promise<T>,
  ): Promise<T> {
    using _hold = await this.acquire(target, info, call);
    return await work();
  }

  /** Refuses everything that waits and everything new; what holds a guest goes on. */
  [Symbol.dispose](): void {
    this.#closed = true;
    const waiting = new Set([...this.#lines.values()].flat().filter((t) => !t.holding));
    for (const ticket of waiting) this.#dismiss(ticket, shuttingDown());
  }

  async #waitFor(
    ticket: Ticket,
    turn: Promise<void>,
    call: Pick<Call, "signal" | "deadline">,
  ): Promise<void> {
    this.#waiting += 1;
    const giveUp = (late: boolean): void => {
      if (!ticket.holding) this.#dismiss(ticket, this.#gaveUp(ticket.target, ticket.keys, late));
    };
    const { deadline } = call;
    const onAbort = (): void => giveUp(isPast(deadline));
    call.signal.addEventListener("abort", onAbort, { once: true });
    // A timer may fire a millisecond before the clock says so; it is the deadline all the same.
    const timer =
      deadline === undefined ? undefined : setTimeout(() => giveUp(true), Math.max(0, deadline - Date.now()));
    try {
      await turn;
    } finally {
      this.#waiting -= 1;
      clearTimeout(timer);
      call.signal.removeEventListener("abort", onAbort);
    }
  }

  #hold(ticket: Ticket): Hold {
    return {
      target: ticket.target,
      [Symbol.dispose]: () => {
        if (!ticket.holding) return;
        ticket.holding = false;
        this.#remove(ticket);
        ticket.ended.resolve();
        this.#onEnd(ticket.info.verb, (Date.now() - ticket.sinceMs) / 1000);
      },
    };
  }

  #enqueue(ticket: Ticket): void {
    for (const key of ticket.keys) {
      const line = this.#lines.get(key);
      if (line) line.push(ticket);
      else this.#lines.set(key, [ticket]);
    }
    this.#letIn(ticket);
  }

  #dismiss(ticket: Ticket, e: VirtError): void {
    this.#remove(ticket);
    ticket.refuse(e);
  }

  #remove(ticket: Ticket): void {
    const next = new Set<Ticket>();
    for (const key of ticket.keys) {
      const line = this.#lines.get(key) ?? [];
      const at = line.indexOf(ticket);
      if (at >= 0) line.splice(at, 1);
      const [first] = line;
      if (first) next.add(first);
      else this.#lines.delete(key);
    }
    for (const first of next) this.#letIn(first);
  }

  #letIn(ticket: Ticket): void {
    if (ticket.holding || !ticket.keys.every((key) => this.#lines.get(key)?.[0] === ticket)) return;
    ticket.holding = true;
    ticket.sinceMs = Date.now();
    ticket.begin();
  }

  #checkOpen(): void {
    if (this.#closed) throw shuttingDown();
  }

  #checkRoom(target: ChangeTarget, keys: readonly string[]): void {
    for (const key of keys) {
      const line = this.#lines.get(key);
      if (!line) continue;
      const exclusive = line.find((t) => t.info.exclusive);
      if (exclusive) throw busy(target, exclusive);
      if (line.length > this.#maxWaiting) {
        throw new VirtError(
          "LIMIT_REACHED",
          `${this.#maxWaiting} changes wait already for guest ${label(target)}, try again when some are done`,
          { resource: { type: "domain", name: label(target) }, retryAfterMs: 1000 },
        );
      }
    }
  }

  #gaveUp(target: ChangeTarget, keys: readonly string[], late: boolean): VirtError {
    const holder = keys.map((key) => this.#lines.get(key)?.[0]).find((t) => t?.holding);
    const behind = holder ? `behind ${describe(holder)}, which still holds it` : "for its turn";
    const text = late
      ? "the deadline passed while the change of guest"
      : "the caller gave up while the change of guest";
    return new VirtError(
      late ? "DEADLINE" : "CANCELLED",
      `${text} ${label(target)} waited ${behind}; nothing was changed`,
      {
        resource: { type: "domain", name: label(target) },
        ...(holder ? { metadata: holderMetadata(holder) } : {}),
      },
    );
  }
}

function isPast(deadline: number | undefined): boolean {
  return deadline !== undefined && Date.now() >= deadline;
}

function keysOf(target: ChangeTarget): string[] {
  return target.name === undefined ? [uuidKey(target.uuid)] : [uuidKey(target.uuid), `name:${target.name}`];
}

function uuidKey(uuid: string): string {
  return `uuid:${uuid}`;
}

function label(target: ChangeTarget): string {
  return target.name === undefined ? target.uuid : `"${target.name}"`;
}

function describe(ticket: Ticket): string {
  const { verb, operation } = ticket.info;
  return operation === undefined ? `the change "${verb}"` : `the change "${verb}" (${operation})`;
}

function holderMetadata(ticket: Ticket): Record<string, string> {
  return { verb: ticket.info.verb, operation: ticket.info.operation ?? "" };
}

function busy(target: ChangeTarget, holder: Ticket): VirtError {
  const remedy =
    holder.info.operation === undefined
      ? "try again later"
      : `wait for ${holder.info.operation} or cancel it`;
  return new VirtError("DOMAIN_BUSY", `guest ${label(target)} is held by ${describe(holder)}, ${remedy}`, {
    metadata: holderMetadata(holder),
    resource: { type: "domain", name: label(target) },
    retryAfterMs: 1000,
  });
}

function shuttingDown(): VirtError {
  return new VirtError("SHUTTING_DOWN", "this agent is ending, try again in a moment", {
    retryAfterMs: 1000,
  });
}
