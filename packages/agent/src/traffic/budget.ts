import type { Tuning } from "@virtmesh/core/driver/migration";
import { sharesOf } from "@virtmesh/core/traffic/shares";
import { lower, wantedBy } from "@virtmesh/core/traffic/tuning";
import type { LimitsStore } from "./limits.ts";

/** A migration that uses bandwidth. */
export interface Spender {
  readonly id: string;
  readonly link: string;
  /** Disks that are copied. */
  readonly disks: number;
  /** Limits of its own, as they are now. */
  readonly tuning: Tuning;
  /** What the destination lets it have; 0 without a limit. */
  readonly allowance: bigint;
  /** It has so much from now on, 0 without a limit. Never fails. */
  limit(share: bigint): Promise<void>;
}

/** Divides the bandwidth of this host and its links among its migrations, again whenever one comes, goes or changes. */
export class Budget {
  readonly #limits: LimitsStore;
  readonly #spenders = new Map<string, Spender>();
  readonly #shares = new Map<string, bigint>();

  constructor(limits: LimitsStore) {
    this.#limits = limits;
    // As long as the agent lives, which both belong to.
    limits.onChange(() => void this.divide());
  }

  /** Resolves when all others have made room. */
  async add(spender: Spender): Promise<void> {
    this.#spenders.set(spender.id, spender);
    await this.divide();
  }

  remove(id: string): void {
    this.#spenders.delete(id);
    this.#shares.delete(id);
    void this.divide();
  }

  /** Somebody wants more or less than before. Those that get less are told before those that get more. */
  async divide(): Promise<void> {
    const { outgoingBandwidth, linkBandwidth } = this.#limits.now;
    const flows = [...this.#spenders.values()].map((s) => ({
      id: s.id,
      link: s.link,
      wants: lower(wantedBy(s.tuning, s.disks), s.allowance),
    }));
    const shares = sharesOf(flows, { host: outgoingBandwidth, link: linkBandwidth });
    const told: { readonly spender: Spender; readonly share: bigint; readonly less: boolean }[] = [];
    for (const [id, spender] of this.#spenders) {
      const share = shares.get(id) ?? 0n;
      const before = this.#shares.get(id) ?? 0n;
      if (share === before && this.#shares.has(id)) continue;
      this.#shares.set(id, share);
      told.push({ spender, share, less: share !== 0n && (before === 0n || share < before) });
    }
    await Promise.all(told.filter((t) => t.less).map((t) => t.spender.limit(t.share)));
    // Another division may have come meanwhile: the newest share counts.
    const rest = told.filter((t) => !t.less && this.#shares.get(t.spender.id) === t.share);
    await Promise.all(rest.map((t) => t.spender.limit(t.share)));
  }
}
