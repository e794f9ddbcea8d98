import type { Call } from "@virtmesh/core/call";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { DomainUuid } from "@virtmesh/core/ids";
import { summaryOf } from "@virtmesh/documents/domain/info";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { Reference } from "../vim/encode.ts";
import type { Facts } from "./facts.ts";
import { type Happening, type Intent, standingOf } from "./story.ts";

/** One guest of the host. Only `Guests` changes it, and only when the server has told. */
export class Guest {
  readonly uuid: DomainUuid;
  readonly object: Reference;
  facts: Facts;
  /** The call that changes it at this moment: events that it causes carry who asked. */
  cause: Call | undefined;
  intent: Intent;
  /** The last thing that was told of its life. */
  last: Happening | undefined;
  /** The host starts it when it boots. */
  autostart = false;
  /** When it was seen to run; the server's own word, where it has one, counts more. */
  seenRunningMs = 0;

  constructor(facts: Facts) {
    this.uuid = facts.definition.uuid;
    this.object = facts.object;
    this.facts = facts;
  }

  get definition(): IdentifiedDomain {
    return this.facts.definition;
  }

  get name(): string {
    return this.definition.name;
  }

  get active(): boolean {
    return this.facts.power !== "poweredOff";
  }

  get info(): DomainInfo {
    const { definition, etag, power, bootTimeMs } = this.facts;
    const { state, reason } = standingOf(power, this.last);
    const { active } = this;
    return {
      ...summaryOf(definition),
      state,
      stateReason: reason,
      // vSphere has none that are not.
      persistent: true,
      autostart: this.autostart,
      updated: false,
      etag,
      startTimeMs: active ? bootTimeMs || this.seenRunningMs : 0,
      id: active ? this.number : 0,
    };
  }

  /** The number in its name at the server (`vm-42`, `42`), as libvirt has it. */
  get number(): number {
    return Number(/(\d+)$/.exec(this.object.value)?.[1] ?? 1);
  }
}
