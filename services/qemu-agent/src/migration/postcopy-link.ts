import type { Call } from "@virtmesh/core/call";
import type { MigrationStatus } from "../qmp/commands.ts";
import type { QmpConnection } from "../qmp/connection.ts";
import { awaitEvent } from "./await-event.ts";
import { portOf } from "./memory-address.ts";
import type { SourceGuest } from "./source-guest.ts";

const BREAK_TIMEOUT_MS = 5_000;
/** The agents reach each other when it is tried, so the other host answers in milliseconds, if only to refuse. */
const TRY_AT_MOST_MS = 10_000;

/** The connection over which a source sends the rest of a post-copy's memory: made anew when it broke. */
export class PostcopyLink {
  readonly #qmp: QmpConnection;
  readonly #isConnecting: SourceGuest["isConnecting"];
  /** Until then, by a clock that does not jump, the connection asked for last may come about, and what is said over it first. */
  #tryingUntilMs = 0;

  constructor({ qmp, isConnecting }: Pick<SourceGuest, "qmp" | "isConnecting">) {
    this.#qmp = qmp;
    this.#isConnecting = isConnecting;
  }

  /** What QEMU shows to an agent that was started anew: the one before it may have asked for a connection just now. */
  found(status: MigrationStatus | undefined): void {
    if (status === "postcopy-recover") this.#tryingUntilMs = performance.now() + TRY_AT_MOST_MS;
  }

  hear(status: MigrationStatus): void {
    if (status === "postcopy-active" || status === "postcopy-paused") this.#tryingUntilMs = 0;
  }

  /** @returns what QEMU shows instead when there is nothing to mend */
  async mend(address: string, c: Call): Promise<MigrationStatus | undefined> {
    const { status } = await this.#qmp.execute("query-migrate", undefined, { signal: c.signal });
    if (status !== "postcopy-recover" && status !== "postcopy-paused") return status;
    // QEMU dies of a second connection while it makes one (migrate_fd_connect: !s->cleanup_bh), or when one that was just
    // made is broken and another asked for at once. It does not say when it has given one up.
    if (performance.now() < this.#tryingUntilMs) return undefined;
    // One that hangs, in a network that swallows everything, makes room for the next try.
    if (status === "postcopy-recover") {
      await this.break();
      return undefined;
    }
    this.#tryingUntilMs = performance.now() + TRY_AT_MOST_MS;
    // In a network that swallows everything the kernel goes on trying for two minutes, also for an agent that is not there
    // any more, and QEMU shows nothing of it.
    if (await this.#isConnecting(portOf(address))) {
      this.#tryingUntilMs = 0;
      return undefined;
    }
    await this.#qmp.execute("migrate", { uri: address, resume: true }, { signal: c.signal });
    return undefined;
  }

  async break(): Promise<void> {
    const paused = awaitEvent(
      this.#qmp,
      (e) => e.event === "MIGRATION" && e.data.status === "postcopy-paused",
      BREAK_TIMEOUT_MS,
    );
    await this.#qmp.execute("yank", { instances: [{ type: "migration" }] }, { outOfBand: true });
    await paused;
  }
}
