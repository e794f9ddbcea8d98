import type { Call } from "@virtmesh/core/call";
import type { MigrationOffer, OutgoingMigration, Tuning } from "@virtmesh/core/driver/migration";
import { withinShare } from "@virtmesh/core/traffic/tuning";

/** The limits of one migration: what its user wants, within its share of the bandwidth that all have. */
export class SourceLimits {
  readonly #disks: number;
  readonly #onRefused: (e: unknown) => void;
  #tuning: Tuning;
  /** What it may have of the bandwidth that all share; 0 without a limit. */
  #share = 0n;
  #outgoing: { readonly of: OutgoingMigration; readonly call: Call } | undefined;

  /** `onRefused`: the hypervisor did not take the share. */
  constructor({ plan, disks }: MigrationOffer, onRefused: (e: unknown) => void) {
    this.#disks = disks.filter((d) => d.copy).length;
    this.#tuning = plan.tuning;
    this.#onRefused = onRefused;
  }

  /** As the user wants it; its share may be less. */
  get tuning(): Tuning {
    return this.#tuning;
  }

  /** From here on they hold for this. */
  async bind(of: OutgoingMigration, call: Call): Promise<void> {
    this.#outgoing = { of, call };
    if (this.#share !== 0n) await this.#applyShare();
  }

  async tune(tuning: Tuning): Promise<void> {
    await this.#apply(tuning);
    this.#tuning = tuning;
  }

  async limit(share: bigint): Promise<void> {
    if (share === this.#share) return;
    this.#share = share;
    await this.#applyShare();
  }

  /** A hypervisor that does not take it now is past the point where it matters. */
  async #applyShare(): Promise<void> {
    try {
      await this.#apply(this.#tuning);
    } catch (e) {
      this.#onRefused(e);
    }
  }

  async #apply(tuning: Tuning): Promise<void> {
    await this.#outgoing?.of.tune(withinShare(tuning, this.#share, this.#disks), this.#outgoing.call);
  }
}
