import { type Choice, choose, type Load, type Place } from "./choose.ts";

/** The drain of a host: every guest on it, and what becomes of each. Pure: facts come in, effects go out. */
export interface DrainState {
  /** In the order in which they are taken. */
  readonly guests: readonly DrainGuest[];
  /** How often a guest is tried. */
  readonly attempts: number;
  readonly cancelled: boolean;
  /** Guests that have arrived and may not be in the leases of their new hosts yet. */
  readonly landed: readonly Landed[];
}

export type GuestPhase = "pending" | "moving" | "retrying" | "moved" | "left" | "gone";

export interface DrainGuest {
  readonly uuid: string;
  readonly name: string;
  readonly memoryBytes: bigint;
  readonly offline: boolean;
  readonly phase: GuestPhase;
  /** Where it goes or went; empty before it was tried. */
  readonly destination: string;
  readonly choice: string;
  readonly attempts: number;
  readonly error: string;
  readonly reason: string;
  readonly blockedAt: Readonly<Record<string, string>>;
  readonly failedAt: readonly string[];
}

interface Landed {
  readonly uri: string;
  readonly bytes: bigint;
  /** What its new host said to be free at that moment. */
  readonly freeThen: bigint;
}

/** What is so at the moment of a step. */
export interface Surroundings {
  readonly places: readonly Place[];
  /** Migrations at once. */
  readonly parallel: number;
}

export type DrainFact =
  /** It begins, is taken up again, or a host has changed. */
  | { readonly fact: "look" }
  /** Guests that came after the beginning. */
  | { readonly fact: "found"; readonly guests: readonly NewGuest[] }
  | { readonly fact: "moved"; readonly uuid: string }
  | {
      readonly fact: "failed";
      readonly uuid: string;
      readonly reason: string;
      readonly message: string;
      readonly verdict: Verdict;
    }
  | { readonly fact: "retryDue"; readonly uuid: string }
  | { readonly fact: "cancelled" };

/**
 * What a failure means: try again, perhaps elsewhere; not to this host; never; the guest needs no move any more; it
 * never began.
 */
export type Verdict = "again" | "notThere" | "never" | "gone" | "notBegun";

export type DrainEffect =
  | {
      readonly effect: "migrate";
      readonly uuid: string;
      readonly destination: string;
      readonly choice: string;
    }
  | { readonly effect: "retryLater"; readonly uuid: string; readonly afterMs: number }
  | { readonly effect: "cancel"; readonly uuid: string }
  | { readonly effect: "finish" };

export interface DrainStep {
  readonly state: DrainState;
  readonly effects: readonly DrainEffect[];
}

export type NewGuest = Pick<DrainGuest, "uuid" | "name" | "memoryBytes" | "offline">;

const RETRY_MS = 1_000;

export function newDrain(guests: readonly NewGuest[], attempts: number): DrainState {
  return { guests: inOrder(guests).map(begun), attempts, cancelled: false, landed: [] };
}

/** The large ones first, while there is room for them; those that are off last. */
function inOrder(guests: readonly NewGuest[]): readonly NewGuest[] {
  return guests.toSorted(
    (a, b) =>
      Number(a.offline) - Number(b.offline) ||
      Number(b.memoryBytes > a.memoryBytes) - Number(b.memoryBytes < a.memoryBytes) ||
      (a.name < b.name ? -1 : 1),
  );
}

function begun(guest: NewGuest): DrainGuest {
  return {
    ...guest,
    phase: "pending",
    destination: "",
    choice: "",
    attempts: 0,
    error: "",
    reason: "",
    blockedAt: {},
    failedAt: [],
  };
}

/** One fact, and everything that follows from it. */
export function stepDrain(state: DrainState, fact: DrainFact, around: Surroundings): DrainStep {
  const first = noteFact(state, fact, around);
  const then = advance(first.state, around);
  return { state: then.state, effects: [...first.effects, ...then.effects] };
}

/** One fact by itself: so a state is made again from what was written down. */
export function noteFact(state: DrainState, fact: DrainFact, around: Surroundings): DrainStep {
  switch (fact.fact) {
    case "look":
      return { state, effects: [] };
    case "found":
      return { state: { ...state, guests: withFound(state.guests, fact.guests) }, effects: [] };
    case "moved":
      return { state: landed(state, fact.uuid, around), effects: [] };
    case "failed":
      return failed(state, fact);
    case "retryDue": {
      const due = (g: DrainGuest): DrainGuest => (g.phase === "retrying" ? { ...g, phase: "pending" } : g);
      return { state: change(state, fact.uuid, due), effects: [] };
    }
    case "cancelled": {
      const moving = state.guests.filter((g) => g.phase === "moving");
      const effects = moving.map((g) => ({ effect: "cancel" as const, uuid: g.uuid }));
      return { state: { ...state, cancelled: true }, effects };
    }
  }
}

/** With guests that came later, and those that are here again although they had gone. */
function withFound(guests: readonly DrainGuest[], found: readonly NewGuest[]): readonly DrainGuest[] {
  const back = new Map(found.map((g) => [g.uuid, g]));
  const again = guests.map((g) => {
    const now = back.get(g.uuid);
    back.delete(g.uuid);
    return now !== undefined && (g.phase === "gone" || g.phase === "moved") ? begun(now) : g;
  });
  return [...again, ...inOrder([...back.values()]).map(begun)];
}

/** A migration of a guest is under way. */
export function noteMoving(state: DrainState, uuid: string, destination: string, choice: string): DrainState {
  return change(state, uuid, (g) => ({
    ...g,
    phase: "moving",
    destination,
    choice,
    attempts: g.attempts + 1,
  }));
}

/** How one guest more on a host shows in what the host can still take. */
export function loadOf(state: DrainState, places: readonly Place[]): (uri: string) => Load {
  return (uri) => {
    const place = places.find((p) => p.uri === uri);
    const moving = state.guests.filter((g) => g.phase === "moving" && g.destination === uri);
    const late = state.landed.filter((l) => l.uri === uri && l.freeThen === place?.freeMemoryBytes);
    return {
      bytes: [...moving.map(sizeOf), ...late.map((l) => l.bytes)].reduce((a, b) => a + b, 0n),
      migrations: moving.length,
    };
  };
}

/** Where a guest would go now. */
export function choiceFor(state: DrainState, guest: DrainGuest, places: readonly Place[]): Choice {
  return choose({ ...guest, memoryBytes: sizeOf(guest) }, places, loadOf(state, places));
}

function sizeOf(guest: DrainGuest): bigint {
  return guest.offline ? 0n : guest.memoryBytes;
}

function landed(state: DrainState, uuid: string, around: Surroundings): DrainState {
  const guest = state.guests.find((g) => g.uuid === uuid);
  const place = around.places.find((p) => p.uri === guest?.destination);
  const late: Landed[] =
    guest === undefined || place === undefined
      ? []
      : [{ uri: place.uri, bytes: sizeOf(guest), freeThen: place.freeMemoryBytes }];
  const still = state.landed.filter((l) =>
    around.places.some((p) => p.uri === l.uri && p.freeMemoryBytes === l.freeThen),
  );
  const moved = change(state, uuid, (g) => ({ ...g, phase: "moved", error: "", reason: "" }));
  return { ...moved, landed: [...still, ...late] };
}

function failed(state: DrainState, fact: Extract<DrainFact, { fact: "failed" }>): DrainStep {
  const { uuid, reason, message, verdict } = fact;
  const effects: DrainEffect[] = [];
  const next = change(state, uuid, (g): DrainGuest => {
    const said = { ...g, reason, error: message };
    switch (verdict) {
      case "notBegun":
        return { ...g, phase: "pending", attempts: Math.max(0, g.attempts - 1) };
      case "gone":
        return { ...said, phase: "gone" };
      case "never":
        return { ...said, phase: "left" };
      case "notThere":
        return { ...said, phase: "pending", blockedAt: { ...g.blockedAt, [g.destination]: message } };
      case "again":
        if (g.attempts >= state.attempts || state.cancelled) return { ...said, phase: "left" };
        effects.push({ effect: "retryLater", uuid, afterMs: RETRY_MS * 2 ** (g.attempts - 1) });
        return { ...said, phase: "retrying", failedAt: [...g.failedAt, g.destination] };
    }
  });
  return { state: next, effects };
}

/** Begins what can be begun, leaves what cannot be done at all, and finishes when nothing is left to do. */
function advance(before: DrainState, around: Surroundings): DrainStep {
  let state = before.cancelled ? withoutPending(before) : before;
  const effects: DrainEffect[] = [];
  const underWay = (): number => state.guests.filter((g) => g.phase === "moving").length;
  for (const guest of state.guests) {
    if (guest.phase !== "pending" || underWay() >= around.parallel) continue;
    const { place, why } = choiceFor(state, guest, around.places);
    if (place === undefined) continue;
    state = noteMoving(state, guest.uuid, place.uri, why);
    effects.push({ effect: "migrate", uuid: guest.uuid, destination: place.uri, choice: why });
  }
  // Nothing moves, so no room will come: whoever found none stays.
  if (underWay() === 0 && !state.guests.some((g) => g.phase === "retrying")) {
    for (const guest of state.guests.filter((g) => g.phase === "pending")) {
      const { why } = choiceFor(state, guest, around.places);
      const error =
        Object.keys(guest.blockedAt).length > 0 && guest.error !== ""
          ? guest.error
          : `no host can take it: ${why}`;
      const reason = guest.reason === "" ? "LIMIT_REACHED" : guest.reason;
      state = change(state, guest.uuid, (g) => ({ ...g, phase: "left", error, reason }));
    }
  }
  const over = state.guests.every((g) => g.phase === "moved" || g.phase === "left" || g.phase === "gone");
  return { state, effects: over ? [...effects, { effect: "finish" }] : effects };
}

/** After a cancel nothing new begins. */
function withoutPending(state: DrainState): DrainState {
  const guests = state.guests.map((g): DrainGuest => {
    if (g.phase !== "pending" && g.phase !== "retrying") return g;
    const error = g.error === "" ? "the drain was cancelled before its turn" : g.error;
    return { ...g, phase: "left", error, reason: g.reason === "" ? "CANCELLED" : g.reason };
  });
  return { ...state, guests };
}

function change(state: DrainState, uuid: string, how: (guest: DrainGuest) => DrainGuest): DrainState {
  return { ...state, guests: state.guests.map((g) => (g.uuid === uuid ? how(g) : g)) };
}
