import { parseConnectionUri } from "@virtmesh/core/uri";
import type { Hold } from "../changes/queue.ts";
import type { Passage } from "../traffic/outgoing-gate.ts";
import type { MigrationContext } from "./context.ts";
import type { SourceRunner } from "./source-runner.ts";

/** An outgoing migration with all that it holds: its guest, its place in the line, its share of the bandwidth. */
export class OutgoingMigration implements Disposable {
  readonly runner: SourceRunner;
  readonly #c: MigrationContext;
  readonly #hold: Hold;
  readonly #passage: Passage;
  readonly #hearing: Disposable;

  constructor(c: MigrationContext, runner: SourceRunner, hold: Hold, passage: Passage) {
    this.#c = c;
    this.runner = runner;
    this.#hold = hold;
    this.#passage = passage;
    this.#hearing = passage.onAllowance(() => void c.budget.divide());
  }

  /** Begins to share; resolves when the others have made room. One that is offline moves next to nothing. */
  async share(): Promise<void> {
    const { runner } = this;
    const passage = this.#passage;
    const { offer, destinationUri } = runner.header;
    if (offer.plan.mode === "offline") return;
    await this.#c.budget.add({
      id: offer.plan.id,
      link: parseConnectionUri(destinationUri).host,
      disks: offer.disks.filter((d) => d.copy).length,
      get tuning() {
        return runner.tuning;
      },
      get allowance() {
        return passage.allowance;
      },
      limit: (share) => runner.limit(share),
    });
  }

  [Symbol.dispose](): void {
    this.#hearing[Symbol.dispose]();
    this.#hold[Symbol.dispose]();
    this.#passage[Symbol.dispose]();
    this.#c.budget.remove(this.runner.header.offer.plan.id);
  }
}
