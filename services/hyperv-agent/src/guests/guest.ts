import type { Call } from "@virtmesh/core/call";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { DomainUuid } from "@virtmesh/core/ids";
import { summaryOf } from "@virtmesh/documents/domain/info";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { systemReference } from "../msvm/session.ts";
import { STARTUP } from "../settings/model.ts";
import type { Reference } from "../wsman/values.ts";
import type { Facts } from "./facts.ts";
import { type Happening, type Intent, standingOf } from "./story.ts";

/** One guest of the host. Only `Guests` changes it. */
export class Guest {
  readonly uuid: DomainUuid;
  facts: Facts;
  /** The call that changes it at this moment: events that it causes carry who asked. */
  cause: Call | undefined;
  intent: Intent;
  /** The last thing that was told of its life. */
  last: Happening | undefined;
  /** When it was started, as far as the host tells; milliseconds since the epoch, 0 when it does not run. */
  startTimeMs = 0;

  constructor(facts: Facts) {
    this.uuid = facts.definition.uuid;
    this.facts = facts;
  }

  get key(): string {
    return this.facts.key;
  }

  get definition(): IdentifiedDomain {
    return this.facts.definition;
  }

  get name(): string {
    return this.definition.name;
  }

  get reference(): Reference {
    return systemReference(this.facts.system.Name ?? this.key);
  }

  get settingsId(): string {
    return this.facts.settings.system.InstanceID ?? `Microsoft:${this.key}`;
  }

  get active(): boolean {
    return this.facts.power === "running" || this.facts.power === "paused";
  }

  get info(): DomainInfo {
    const { definition, etag, power, system, settings } = this.facts;
    const { state, reason } = standingOf(power, this.last);
    return {
      ...summaryOf(definition),
      state,
      stateReason: reason,
      // Hyper-V has none that are not.
      persistent: true,
      autostart: settings.system.AutomaticStartupAction === STARTUP.always,
      updated: false,
      etag,
      startTimeMs: this.startTimeMs,
      // The process that runs it, as libvirt has it.
      id: this.active ? (system.ProcessID ?? 1) || 1 : 0,
      managedSave: power === "saved",
    };
  }
}
