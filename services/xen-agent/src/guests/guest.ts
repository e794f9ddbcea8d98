import { KeptGuest, type KeptRun } from "@virtmesh/agent/guests/kept-guest";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { Standing } from "./story.ts";

/** A guest that runs; its id is Xen's number of its domain, another one after a reboot. */
export interface Run extends KeptRun {
  standing: Standing;
  /** Since when it has been stopped to be sent elsewhere. */
  stoodStillAtMs?: number;
  /** Xen's numbers of its network cards, by MAC address. */
  cards: ReadonlyMap<string, number>;
}

/** One guest of this host. */
export class Guest extends KeptGuest<Run> {
  /** The next start goes on from what was saved. */
  managedSave = false;
  #turns: Promise<unknown> = Promise.resolve();

  constructor(definition: IdentifiedDomain) {
    super("guest", definition);
  }

  override get info(): DomainInfo {
    return { ...super.info, managedSave: this.managedSave };
  }

  /** One thing after the other: what callers want, and what follows from what the guest does by itself. */
  async turn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turns.then(work);
    this.#turns = mine.catch(() => undefined);
    return await mine;
  }
}
