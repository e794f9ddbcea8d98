import type { Generation } from "../ids.ts";
import type { DestinationState, DestinationStep, Why } from "./destination-state.ts";

export function stay(state: DestinationState): DestinationStep {
  return { state, effects: [] };
}

export function discard(why: Why): DestinationStep {
  return { state: { phase: "discarding", why }, effects: [{ effect: "discard" }] };
}

/** Gone after it may have run: it crashed here, and must not run where it came from. */
export function crashedHere(generation: Generation): DestinationStep {
  return {
    state: { phase: "running" },
    effects: [
      { effect: "tellResumed", downtimeMs: 0 },
      { effect: "journal", entry: "resumed" },
      { effect: "adopt", generation },
      { effect: "finish" },
    ],
  };
}

/** It crashed here: it ran here, and what it wrote is here. */
export function lostGuest(message: string, generation?: Generation): DestinationStep {
  return {
    state: { phase: "running", lost: true },
    effects: [
      { effect: "tellLostGuest", message },
      { effect: "journal", entry: "lost" },
      ...(generation === undefined ? [] : [{ effect: "adopt", generation } as const]),
      { effect: "finish" },
    ],
  };
}
