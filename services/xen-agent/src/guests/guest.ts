import type { Call } from "@virtmesh/core/call";
import type { DomainState } from "@virtmesh/core/domain/state";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { etagOf } from "@virtmesh/agent/guests/definition";
import { summaryOf } from "@virtmesh/documents/domain/info";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { Standing } from "./story.ts";

/** A guest that runs. */
export interface Run {
  /** Xen's number of its domain; another one after a reboot. */
  id: number;
  startTimeMs: number;
  /** Hash of what runs, as a definition of it would have it. */
  etag: string;
  /** What runs: devices may have come and gone since the start. */
  definition: IdentifiedDomain;
  standing: Standing;
  /** Xen's numbers of its network cards, by MAC address. */
  cards: ReadonlyMap<string, number>;
  /** Resolves when it is over and was told. */
  readonly ended: PromiseWithResolvers<void>;
}

export interface Ended {
  readonly state: Extract<DomainState, "shutoff">;
  readonly reason: string;
}

/** One guest of this host: its definition, and its run if it runs. Only `Guests` changes what it is made of. */
export class Guest {
  readonly uuid: DomainUuid;
  readonly name: string;
  /** The call that changes it at this moment: events it causes carry who asked. */
  cause: Call | undefined;
  /** Absent for a transient one. */
  persistent: IdentifiedDomain | undefined;
  /** Absent when it does not run. */
  run: Run | undefined;
  ended: Ended = { state: "shutoff", reason: "unknown" };
  autostart = false;
  /** The next start goes on from what was saved. */
  managedSave = false;
  #last: IdentifiedDomain;
  #turns: Promise<unknown> = Promise.resolve();

  constructor(definition: IdentifiedDomain) {
    this.uuid = definition.uuid;
    this.name = definition.name;
    this.#last = definition;
  }

  /** What runs, or will run at the next start. */
  get definition(): IdentifiedDomain {
    return this.run?.definition ?? this.persistent ?? this.#last;
  }

  /** What a transient one was, for those who ask as it goes. */
  remember(definition: IdentifiedDomain): void {
    this.#last = definition;
  }

  get state(): DomainState {
    return this.run?.standing.state ?? this.ended.state;
  }

  get reason(): string {
    return this.run?.standing.reason ?? this.ended.reason;
  }

  /** @throws DOMAIN_NOT_RUNNING */
  get running(): Run {
    if (this.run !== undefined) return this.run;
    throw new VirtError("DOMAIN_NOT_RUNNING", `guest "${this.name}" does not run; start it first`, {
      resource: { type: "domain", name: this.name },
    });
  }

  get info(): DomainInfo {
    const { run, persistent, definition } = this;
    return {
      ...summaryOf(definition),
      state: this.state,
      stateReason: this.reason,
      persistent: persistent !== undefined,
      autostart: this.autostart,
      updated: run !== undefined && persistent !== undefined && run.etag !== etagOf(persistent),
      etag: etagOf(persistent ?? definition),
      startTimeMs: run?.startTimeMs ?? 0,
      id: run?.id ?? 0,
      managedSave: this.managedSave,
    };
  }

  /** One thing after the other: what callers want, and what follows from what the guest does by itself. */
  async turn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turns.then(work);
    this.#turns = mine.catch(() => undefined);
    return await mine;
  }
}
