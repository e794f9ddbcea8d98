import { randomUUID } from "node:crypto";
import type { Timers } from "../host/timers.ts";
import { Fault } from "./faults.ts";

/** What an enumeration still has to give: items as they will be written. */
export interface Enumeration {
  readonly items: readonly string[];
}

/** Enumerations that go on. Each answer has a context of its own, and one that is not used in time is forgotten. */
export class Contexts<T> {
  readonly #open = new Map<string, { readonly value: T; readonly expiry: Disposable }>();
  readonly #timers: Timers;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  open(value: T, lifetimeMs: number, onExpiry?: () => void): string {
    const id = `uuid:${randomUUID().toUpperCase()}`;
    const expiry = this.#timers.after(lifetimeMs, () => {
      this.#open.delete(id);
      onExpiry?.();
    });
    this.#open.set(id, { value, expiry });
    return id;
  }

  /** @throws Fault for one that is unknown, used up or forgotten */
  take(id: string): T {
    const found = this.#open.get(id);
    if (found === undefined)
      throw new Fault("n:InvalidEnumerationContext", "The enumeration context is invalid or has expired.", {
        by: "s:Receiver",
      });
    found.expiry[Symbol.dispose]();
    this.#open.delete(id);
    return found.value;
  }
}
