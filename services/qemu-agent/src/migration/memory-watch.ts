import type { Order, SourceHypervisorFact } from "@virtmesh/core/migration/facts";
import type { MigrationStatus } from "../qmp/commands.ts";
import type { QmpEvent } from "../qmp/events.ts";

/** What QEMU's events say about the memory of an outgoing migration. */
export type MemoryFact =
  | Extract<SourceHypervisorFact, { fact: "switchover" | "sent" | "memoryPass" | "postcopyActive" }>
  | Extract<SourceHypervisorFact, { fact: "postcopyPaused" }>
  | { readonly fact: "ended"; readonly status: "failed" | "cancelled" };

/** Tracks STOP and MIGRATION. The STOP always comes before `pre-switchover`; a guest that was paused has none. */
export class MemoryWatch {
  #stoppedAtMs: number | undefined;
  #order: Order = "precopy";

  /** The switch-over that comes is one to post-copy. */
  postcopy(): void {
    this.#order = "postcopy";
  }

  observe(event: QmpEvent): MemoryFact | undefined {
    if (event.event === "STOP") this.#stoppedAtMs ??= event.timeMs;
    if (event.event === "RESUME") this.#stoppedAtMs = undefined;
    if (event.event === "MIGRATION_PASS") return { fact: "memoryPass", pass: event.data.pass };
    if (event.event !== "MIGRATION") return undefined;
    const { status } = event.data;
    return status === "pre-switchover" ? this.#switchover(event.timeMs) : memoryFact(status);
  }

  #switchover(nowMs: number): MemoryFact {
    return { fact: "switchover", order: this.#order, stoppedForMs: nowMs - (this.#stoppedAtMs ?? nowMs) };
  }
}

/** What a status means that says something by itself; undefined for the others. */
export function memoryFact(status: MigrationStatus | undefined): MemoryFact | undefined {
  switch (status) {
    case "completed":
      return { fact: "sent" };
    case "postcopy-active":
      return { fact: "postcopyActive" };
    case "postcopy-paused":
      return { fact: "postcopyPaused", message: "the connection to the destination broke" };
    case "failed":
    case "cancelled":
      return { fact: "ended", status };
    default:
      return undefined;
  }
}
