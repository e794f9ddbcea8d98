import type { Event } from "@virtmesh/api/gen/virtmesh/v1/event";

/** A place between two events: everything with a sequence up to it is before it. */
export type Position = bigint;

const CAPACITY = 8192;

/**
 * The last events of this run of the agent, in memory. Readers keep a position and come for what is after it; a
 * reader costs nothing but its position, however slow it is.
 */
export class EventLog {
  readonly instance: string;
  readonly #capacity: number;
  /** Event `s` lies at `s % capacity`. */
  readonly #ring: Event[] = [];
  #last = 0n;
  readonly #listeners = new Set<() => void>();

  constructor(instance: string, capacity = CAPACITY) {
    this.instance = instance;
    this.#capacity = capacity;
  }

  /** Sequence of the newest event; 0 before the first. */
  get last(): Position {
    return this.#last;
  }

  /** The oldest position from which everything is still there. */
  get oldest(): Position {
    const lost = this.#last - BigInt(this.#capacity);
    return lost > 0n ? lost : 0n;
  }

  /** Gives the event its sequence and keeps it. */
  append(make: (sequence: bigint) => Event): Event {
    const event = make(this.#last + 1n);
    this.#last += 1n;
    this.#ring[Number(this.#last % BigInt(this.#capacity))] = event;
    for (const listener of [...this.#listeners]) listener();
    return event;
  }

  /** The event right after a position; undefined when there is none yet. The position must not be older than `oldest`. */
  after(position: Position): Event | undefined {
    return position >= this.#last ? undefined : this.#ring[Number((position + 1n) % BigInt(this.#capacity))];
  }

  /** Called after every event. */
  onAppend(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  tokenOf(position: Position): string {
    return `${this.instance}:${position}`;
  }
}

/** What a resume token says; undefined when it is none of an agent. */
export function parseToken(
  token: string,
): { readonly instance: string; readonly position: Position } | undefined {
  const match = /^([A-Za-z0-9-]{1,64}):(\d{1,19})$/.exec(token);
  const [, instance, position] = match ?? [];
  return instance === undefined || position === undefined
    ? undefined
    : { instance, position: BigInt(position) };
}
