import type { Call } from "@virtmesh/core/call";
import type {
  DomainFacet,
  DomainInfo,
  DomainStats,
  ParsedDomain,
  XmlForm,
} from "@virtmesh/core/driver/domains";
import type { EventListener } from "@virtmesh/core/driver/events";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { completeDomain } from "@virtmesh/documents/domain/complete";
import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { Sampler } from "../stats/sampler.ts";
import { statsOf } from "../stats/stats.ts";
import { configOf } from "../guests/config.ts";
import type { ManagedSaves } from "../saved/managed-saves.ts";
import { Guest } from "../guests/guest.ts";
import type { Guests } from "../guests/guests.ts";
import { refusal } from "../guests/launch.ts";
import { xl } from "../xl/xl.ts";

export class XenDomains implements DomainFacet {
  readonly #guests: Guests;
  readonly #sampler: Sampler;
  readonly #saved: ManagedSaves;

  constructor(guests: Guests, sampler: Sampler, saved: ManagedSaves) {
    this.#guests = guests;
    this.#saved = saved;
    this.#sampler = sampler;
  }

  list(): readonly DomainInfo[] {
    return this.#guests.all().map((guest) => guest.info);
  }

  find(ref: string): DomainInfo | undefined {
    return this.#guests.find(ref)?.info;
  }

  stats(uuids?: readonly DomainUuid[]): readonly DomainStats[] {
    const chosen = uuids === undefined ? this.#guests.all() : uuids.flatMap((u) => this.#guests.get(u) ?? []);
    return chosen.map((guest) => statsOf(guest, this.#sampler));
  }

  subscribe(listener: EventListener): Disposable {
    return this.#guests.events.subscribe(listener);
  }

  parse(xml: string): ParsedDomain {
    const { definition, uuidGenerated } = completeDomain(parseDomain(xml));
    // Everything that xl could not be told is refused here, with its place.
    configOf(definition);
    const { uuid, name } = definition;
    return { uuid, name, uuidGenerated, xml: formatDomain(definition, { secure: true, inactive: true }) };
  }

  async xml(uuid: DomainUuid, form: XmlForm, _c: Call): Promise<string> {
    const { run, persistent, definition } = this.#guests.require(uuid);
    if (form.inactive) return formatDomain(persistent ?? definition, form);
    return formatDomain(run === undefined ? definition : { ...definition, id: run.id }, form);
  }

  async define(parsed: ParsedDomain, c: Call): Promise<DomainInfo> {
    return (await this.#guests.define(definitionOf(parsed), c)).info;
  }

  async undefine(uuid: DomainUuid, c: Call): Promise<void> {
    const guest = this.#guests.require(uuid);
    if (guest.persistent === undefined) throw transient(guest, "has no definition to remove");
    await this.#guests.undefine(guest, c);
  }

  async create(parsed: ParsedDomain, options: { readonly paused: boolean }, c: Call): Promise<DomainInfo> {
    const definition = definitionOf(parsed);
    this.#guests.checkFree(definition.uuid, definition.name);
    return await this.#start(
      this.#guests.get(definition.uuid) ?? new Guest(definition),
      definition,
      options,
      c,
    );
  }

  async start(uuid: DomainUuid, options: { readonly paused: boolean }, c: Call): Promise<DomainInfo> {
    const guest = this.#guests.require(uuid);
    return await this.#start(guest, guest.persistent ?? guest.definition, options, c);
  }

  async destroy(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const guest = this.#guests.require(uuid);
    await this.#guests.destroy(guest, c);
    return guest.info;
  }

  async shutdown(uuid: DomainUuid, c: Call): Promise<void> {
    await this.#ask(this.#guests.require(uuid), "shutdown", c);
  }

  async reboot(uuid: DomainUuid, c: Call): Promise<void> {
    await this.#ask(this.#guests.require(uuid), "reboot", c);
  }

  async suspend(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const guest = this.#guests.require(uuid);
    await this.#guests.setPaused(guest, true, c);
    return guest.info;
  }

  async resume(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const guest = this.#guests.require(uuid);
    await this.#guests.setPaused(guest, false, c);
    return guest.info;
  }

  async setAutostart(uuid: DomainUuid, autostart: boolean, _c: Call): Promise<DomainInfo> {
    const guest = this.#guests.require(uuid);
    if (guest.persistent === undefined) throw transient(guest, "cannot be started by itself");
    await this.#guests.setAutostart(guest, autostart);
    return guest.info;
  }

  async #start(
    guest: Guest,
    definition: IdentifiedDomain,
    options: { readonly paused: boolean },
    c: Call,
  ): Promise<DomainInfo> {
    if (guest.run !== undefined) {
      throw new VirtError("DOMAIN_RUNNING", `guest "${guest.name}" runs already`, {
        resource: { type: "domain", name: guest.name },
      });
    }
    if (!guest.managedSave) await this.#guests.start(guest, definition, options, c);
    else await this.#saved.startFrom(guest, options, c);
    return guest.info;
  }

  /** Through XenStore, where the guest's kernel looks; what comes of it is told by what happens to the domain. */
  async #ask(guest: Guest, verb: "shutdown" | "reboot", c: Call): Promise<void> {
    const { id, standing } = guest.running;
    if (standing.state !== "running") {
      throw new VirtError(
        "WRONG_STATE",
        `guest "${guest.name}" is ${standing.state} and cannot hear the request; resume it first`,
        { resource: { type: "domain", name: guest.name } },
      );
    }
    try {
      await xl([verb, String(id)], c.signal);
    } catch (e) {
      throw refusal(`guest "${guest.name}" cannot be asked to ${verb}`, guest.name, e);
    }
  }
}

function definitionOf(parsed: ParsedDomain): IdentifiedDomain {
  return completeDomain(parseDomain(parsed.xml)).definition;
}

function transient(guest: Guest, what: string): VirtError {
  return new VirtError("DOMAIN_TRANSIENT", `guest "${guest.name}" is transient and ${what}`, {
    resource: { type: "domain", name: guest.name },
  });
}
