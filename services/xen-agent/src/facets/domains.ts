import { KeptDomains, parsedOf } from "@virtmesh/agent/guests/kept-domains";
import type { Call } from "@virtmesh/core/call";
import type { ConsoleStream, DomainInfo, DomainStats, ParsedDomain } from "@virtmesh/core/driver/domains";
import type { DomainUuid } from "@virtmesh/core/ids";
import { completeDomain } from "@virtmesh/documents/domain/complete";
import { parseDomain } from "@virtmesh/documents/domain/document";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { XenConsoles } from "./console.ts";
import type { Sampler } from "../stats/sampler.ts";
import { statsOf } from "../stats/stats.ts";
import type { ManagedSaves } from "../saved/managed-saves.ts";
import type { Guest } from "../guests/guest.ts";
import type { Guests } from "../guests/guests.ts";
import { refusal } from "../guests/launch.ts";
import { xl } from "../xl/xl.ts";

export class XenDomains extends KeptDomains<Guest, Guests> {
  readonly lacks = ["pausedSave"] as const;
  readonly #sampler: Sampler;
  readonly #saved: ManagedSaves;
  readonly #console: XenConsoles;

  constructor(guests: Guests, sampler: Sampler, saved: ManagedSaves, console: XenConsoles) {
    super(guests);
    this.#saved = saved;
    this.#sampler = sampler;
    this.#console = console;
  }

  parse(xml: string): ParsedDomain {
    const { definition, uuidGenerated } = completeDomain(parseDomain(xml));
    // Everything that xl could not be told is refused here, with its place.
    this.guests.check(definition);
    return parsedOf(definition, uuidGenerated);
  }

  async shutdown(uuid: DomainUuid, c: Call): Promise<void> {
    await this.#ask(this.guests.require(uuid), "shutdown", c);
  }

  async reboot(uuid: DomainUuid, c: Call): Promise<void> {
    await this.#ask(this.guests.require(uuid), "reboot", c);
  }

  async suspend(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const guest = this.guests.require(uuid);
    await this.guests.setPaused(guest, true, c);
    return guest.info;
  }

  async resume(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const guest = this.guests.require(uuid);
    await this.guests.setPaused(guest, false, c);
    return guest.info;
  }

  protected statsOf(guest: Guest): DomainStats {
    return statsOf(guest, this.#sampler);
  }

  async openConsole(
    uuid: DomainUuid,
    options: { readonly device: string; readonly force: boolean },
    c: Call,
  ): Promise<ConsoleStream> {
    return await this.#console(this.guests.require(uuid), options, c);
  }

  protected override async begin(
    guest: Guest,
    definition: IdentifiedDomain,
    options: { readonly paused: boolean },
    c: Call,
  ): Promise<void> {
    if (guest.managedSave) await this.#saved.startFrom(guest, options, c);
    else await super.begin(guest, definition, options, c);
  }

  /** Through XenStore, where the guest's kernel looks; what comes of it is told by what happens to the domain. */
  async #ask(guest: Guest, verb: "shutdown" | "reboot", c: Call): Promise<void> {
    const { id, standing } = guest.running;
    if (standing.state !== "running")
      throw guest.error("WRONG_STATE", `is ${standing.state} and cannot hear the request; resume it first`);
    try {
      await xl([verb, String(id)], c.signal);
    } catch (e) {
      throw refusal(`guest "${guest.name}" cannot be asked to ${verb}`, guest.name, e);
    }
  }
}
