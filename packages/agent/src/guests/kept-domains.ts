import type { Call } from "@virtmesh/core/call";
import type {
  DomainFacet,
  DomainInfo,
  DomainStats,
  ParsedDomain,
  XmlForm,
} from "@virtmesh/core/driver/domains";
import type { EventListener } from "@virtmesh/core/driver/events";
import type { DomainUuid } from "@virtmesh/core/ids";
import { completeDomain } from "@virtmesh/documents/domain/complete";
import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { KeptGuest } from "./kept-guest.ts";
import type { KeptGuests } from "./kept-guests.ts";

/** What is the same of guests for all hypervisors whose agent keeps the definitions; a driver adds what is its own. */
export abstract class KeptDomains<G extends KeptGuest, K extends KeptGuests<G>> implements DomainFacet {
  protected readonly guests: K;

  constructor(guests: K) {
    this.guests = guests;
  }

  /** @throws what its hypervisor could refuse at a start, with its place */
  abstract parse(xml: string): ParsedDomain;

  protected abstract statsOf(guest: G): DomainStats;

  list(): readonly DomainInfo[] {
    return this.guests.all().map((guest) => guest.info);
  }

  find(ref: string): DomainInfo | undefined {
    return this.guests.find(ref)?.info;
  }

  stats(uuids?: readonly DomainUuid[]): readonly DomainStats[] {
    const chosen = uuids === undefined ? this.guests.all() : uuids.flatMap((u) => this.guests.get(u) ?? []);
    return chosen.map((guest) => this.statsOf(guest));
  }

  subscribe(listener: EventListener): Disposable {
    return this.guests.events.subscribe(listener);
  }

  async xml(uuid: DomainUuid, form: XmlForm, _c: Call): Promise<string> {
    const { run, persistent, definition } = this.guests.require(uuid);
    if (form.inactive) return formatDomain(persistent ?? definition, form);
    return formatDomain(run === undefined ? definition : { ...definition, id: run.id }, form);
  }

  async define(parsed: ParsedDomain, c: Call): Promise<DomainInfo> {
    return (await this.guests.define(definitionOf(parsed), c)).info;
  }

  async undefine(uuid: DomainUuid, c: Call): Promise<void> {
    const guest = this.guests.require(uuid);
    if (guest.persistent === undefined) throw transient(guest, "has no definition to remove");
    await this.guests.undefine(guest, c);
  }

  async create(parsed: ParsedDomain, options: { readonly paused: boolean }, c: Call): Promise<DomainInfo> {
    const definition = definitionOf(parsed);
    this.guests.checkFree(definition.uuid, definition.name);
    const guest = this.guests.get(definition.uuid) ?? this.guests.candidate(definition);
    return await this.#start(guest, definition, options, c);
  }

  async start(uuid: DomainUuid, options: { readonly paused: boolean }, c: Call): Promise<DomainInfo> {
    const guest = this.guests.require(uuid);
    return await this.#start(guest, guest.persistent ?? guest.definition, options, c);
  }

  async destroy(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const guest = this.guests.require(uuid);
    await this.guests.destroy(guest, c);
    return guest.info;
  }

  async setAutostart(uuid: DomainUuid, autostart: boolean, _c: Call): Promise<DomainInfo> {
    const guest = this.guests.require(uuid);
    if (guest.persistent === undefined) throw transient(guest, "cannot be started by itself");
    await this.guests.setAutostart(guest, autostart);
    return guest.info;
  }

  /** Starts one that does not run. */
  protected async begin(
    guest: G,
    definition: IdentifiedDomain,
    options: { readonly paused: boolean },
    c: Call,
  ): Promise<void> {
    await this.guests.start(guest, definition, options, c);
  }

  async #start(
    guest: G,
    definition: IdentifiedDomain,
    options: { readonly paused: boolean },
    c: Call,
  ): Promise<DomainInfo> {
    if (guest.run !== undefined) throw guest.error("DOMAIN_RUNNING", "runs already");
    await this.begin(guest, definition, options, c);
    return guest.info;
  }
}

/** A complete definition, in the form in which it is handed on. */
export function parsedOf(definition: IdentifiedDomain, uuidGenerated: boolean): ParsedDomain {
  const { uuid, name } = definition;
  return { uuid, name, uuidGenerated, xml: formatDomain(definition, { secure: true, inactive: true }) };
}

function definitionOf(parsed: ParsedDomain): IdentifiedDomain {
  return completeDomain(parseDomain(parsed.xml)).definition;
}

function transient(guest: KeptGuest, what: string): Error {
  return guest.error("DOMAIN_TRANSIENT", `is transient and ${what}`);
}
