import type { QmpEvent } from "../qmp/events.ts";

/** What QEMU's events say about the memory of an outgoing migration. */
export type MemoryFact =
  | { readonly fact: "switchover"; readonly stoppedForMs: number }
  | { readonly fact: "sent" }
  | { readonly fact: "ended"; readonly status: "failed" | "cancelled" };

/** Tracks STOP and MIGRATION. The STOP always comes before `pre-switchover`; a guest that was paused has none. */
export class MemoryWatch {
  #stoppedAtMs: number | undefined;

  observe(event: QmpEvent): MemoryFact | undefined {
    if (event.event === "STOP") this.#stoppedAtMs = event.timeMs;
    if (event.event === "RESUME") this.#stoppedAtMs = undefined;
    if (event.event !== "MIGRATION") return undefined;
    switch (event.data.status) {
      case "pre-switchover":
        return { fact: "switchover", stoppedForMs: event.timeMs - (this.#stoppedAtMs ?? event.timeMs) };
      case "completed":
        return { fact: "sent" };
      case "failed":
      case "cancelled":
        return { fact: "ended", status: event.data.status };
      default:
        return undefined;
    }
  }
}
