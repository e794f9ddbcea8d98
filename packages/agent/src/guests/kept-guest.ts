import type { Call } from "@virtmesh/core/call";
import type { DomainState } from "@virtmesh/core/domain/state";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import { type Reason, VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { summaryOf } from "@virtmesh/documents/domain/info";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { etagOf } from "./definition.ts";

/** A guest that runs. */
export interface KeptRun {
  /** The hypervisor's number of it. */
  id: number;
  startTimeMs: number;
  /** Hash of what runs, as a definition of it would have it. */
  etag: string;
  /** What runs: devices may have come and gone since the start. */
  definition: IdentifiedDomain;
  standing: { readonly state: DomainState; readonly reason: string };
  /** Resolves when it is over and was told. */
  readonly ended: PromiseWithResolvers<void>;
}

interface Ended {
  readonly state: Extract<DomainState, "shutoff">;
  readonly reason: string;
}

/**
 * One guest of a hypervisor that knows only what runs: its definition, which the agent keeps, and its run if it runs.
 * Only `KeptGuests` changes what it is made of.
 */
export class KeptGuest<R extends KeptRun = KeptRun> {
  readonly uuid: DomainUuid;
  readonly name: string;
  /** The call that changes it at this moment: events it causes carry who asked. */
  cause: Call | undefined;
  /** Absent for a transient one. */
  persistent: IdentifiedDomain | undefined;
  /** Absent when it does not run. */
  run: R | undefined;
  ended: Ended = { state: "shutoff", reason: "unknown" };
  autostart = false;
  readonly #word: string;
  #last: IdentifiedDomain;

  /** `word`: what it is called in messages. */
  constructor(word: string, definition: IdentifiedDomain) {
    this.#word = word;
    this.uuid = definition.uuid;
    this.name = definition.name;
    this.#last = definition;
  }

  /** For messages: `guest "web"`. */
  get title(): string {
    return `${this.#word} "${this.name}"`;
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
  get running(): R {
    if (this.run !== undefined) return this.run;
    throw this.error("DOMAIN_NOT_RUNNING", "does not run; start it first");
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
    };
  }

  /** `what` goes on behind its title. */
  error(reason: Reason, what: string): VirtError {
    return new VirtError(reason, `${this.title} ${what}`, { resource: { type: "domain", name: this.name } });
  }
}
