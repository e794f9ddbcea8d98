import type { Call } from "@virtmesh/core/call";
import type {
  ConsoleStream,
  DomainFacet,
  DomainInfo,
  DomainStats,
  ParsedDomain,
  Screenshot,
  XmlForm,
} from "@virtmesh/core/driver/domains";
import type { EventListener } from "@virtmesh/core/driver/events";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { completeDomain } from "@virtmesh/documents/domain/complete";
import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { validateQemuDomain } from "@virtmesh/documents/domain/semantics/qemu/validate";
import type { QemuTraits } from "@virtmesh/documents/domain/semantics/qemu/traits";
import type { QemuCapabilities } from "../capabilities/model.ts";
import { withMachine } from "../cmdline/machine-types.ts";
import type { Guest } from "../domain/guest.ts";
import type { Guests } from "../domain/guests.ts";
import { withSparePorts } from "../hotplug/spare-ports.ts";
import type { ExecuteOptions } from "../qmp/connection.ts";
import type { StatsSampler } from "../stats/sampler.ts";
import type { Consoles } from "./console.ts";
import { takeScreenshot } from "./screenshot.ts";

export interface DomainsOptions {
  readonly guests: Guests;
  readonly capabilities: QemuCapabilities;
  readonly traits: QemuTraits;
  readonly sampler: StatsSampler;
  readonly consoles: Consoles;
}

/** QEMU answers these at once unless its main loop hangs. */
const COMMAND_TIMEOUT_MS = 10_000;

export class QemuDomains implements DomainFacet {
  readonly #guests: Guests;
  readonly #o: DomainsOptions;

  constructor(options: DomainsOptions) {
    this.#guests = options.guests;
    this.#o = options;
  }

  list(): readonly DomainInfo[] {
    return this.#guests.all().map((guest) => guest.info);
  }

  find(ref: string): DomainInfo | undefined {
    return this.#guests.find(ref)?.info;
  }

  stats(uuids?: readonly DomainUuid[]): readonly DomainStats[] {
    const guests = uuids === undefined ? this.#guests.all() : uuids.flatMap((u) => this.#guests.get(u) ?? []);
    return guests.map((guest) => this.#o.sampler.statsOf(guest));
  }

  subscribe(listener: EventListener): Disposable {
    return this.#guests.events.subscribe(listener);
  }

  parse(xml: string): ParsedDomain {
    const parsed = parseDomain(xml);
    if (parsed.type !== "kvm" && parsed.type !== "qemu") {
      throw new VirtError(
        "CONFIG_UNSUPPORTED",
        `QEMU runs guests of the types "kvm" and "qemu", "${parsed.name}" is of the type "${parsed.type}"`,
        { violations: [{ field: "/domain/@type", description: 'must be "kvm" or "qemu"' }] },
      );
    }
    const { capabilities, traits } = this.#o;
    const meant = withSparePorts(withMachine(parsed, capabilities), traits);
    validateQemuDomain(meant);
    const { definition, uuidGenerated } = completeDomain(meant);
    const { uuid, name } = definition;
    return { uuid, name, uuidGenerated, xml: formatDomain(definition, { secure: true, inactive: true }) };
  }

  async xml(uuid: DomainUuid, form: XmlForm, _c: Call): Promise<string> {
    const guest = this.#guests.require(uuid);
    const { persistentDefinition, definition } = guest;
    return formatDomain(form.inactive ? (persistentDefinition ?? definition) : definition, form);
  }

  async define(parsed: ParsedDomain, c: Call): Promise<DomainInfo> {
    return (await this.#guests.define(definitionOf(parsed), c)).info;
  }

  async undefine(uuid: DomainUuid, c: Call): Promise<void> {
    const guest = this.#guests.require(uuid);
    if (guest.persistentDefinition === undefined) throw transient(guest, "has no definition to remove");
    await this.#guests.undefine(guest, c);
  }

  async create(parsed: ParsedDomain, options: { readonly paused: boolean }, c: Call): Promise<DomainInfo> {
    const definition = definitionOf(parsed);
    this.#guests.checkFree(definition.uuid, definition.name);
    const guest = this.#guests.get(definition.uuid) ?? this.#guests.candidate(definition);
    return await this.#start(guest, definition, options, c);
  }

  async start(uuid: DomainUuid, options: { readonly paused: boolean }, c: Call): Promise<DomainInfo> {
    const guest = this.#guests.require(uuid);
    return await this.#start(guest, guest.persistentDefinition ?? guest.definition, options, c);
  }

  async destroy(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const guest = this.#guests.require(uuid);
    await this.#guests.destroy(guest, c);
    return guest.info;
  }

  async shutdown(uuid: DomainUuid, c: Call): Promise<void> {
    const guest = this.#listening(uuid);
    await guest.execute("system_powerdown", undefined, { signal: c.signal, timeoutMs: COMMAND_TIMEOUT_MS });
  }

  async reboot(uuid: DomainUuid, c: Call): Promise<void> {
    const guest = this.#listening(uuid);
    const options = { signal: c.signal, timeoutMs: COMMAND_TIMEOUT_MS };
    // There is no power button for a reboot: the guest powers off, which only stops it, and is reset.
    await guest.execute("set-action", { shutdown: "pause" }, options);
    guest.running.update({ rebooting: true });
    await guest.execute("system_powerdown", undefined, options);
  }

  async reset(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const guest = this.#guests.require(uuid);
    // QEMU answers before it resets.
    const reset = Promise.withResolvers<void>();
    using _ = guest.qmp.onEvent(({ event }) => (event === "RESET" ? reset.resolve() : undefined));
    return await this.#changing(guest, c, async (options) => {
      await guest.execute("system_reset", undefined, options);
      await Promise.race([reset.promise, guest.exited]);
    });
  }

  async suspend(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const guest = this.#guests.require(uuid);
    if (guest.running.situation.state === "paused") return guest.info;
    checkAwake(guest);
    return await this.#changing(guest, c, (options) => guest.execute("stop", undefined, options));
  }

  async resume(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const guest = this.#guests.require(uuid);
    if (guest.running.situation.state === "running") return guest.info;
    checkAwake(guest);
    return await this.#changing(guest, c, (options) => guest.execute("cont", undefined, options));
  }

  async setAutostart(uuid: DomainUuid, autostart: boolean, _c: Call): Promise<DomainInfo> {
    const guest = this.#guests.require(uuid);
    if (guest.persistentDefinition === undefined) throw transient(guest, "cannot be started by itself");
    await this.#guests.setAutostart(guest, autostart);
    return guest.info;
  }

  async openConsole(
    uuid: DomainUuid,
    options: { readonly device: string; readonly force: boolean },
    c: Call,
  ): Promise<ConsoleStream> {
    return await this.#o.consoles.open(this.#guests.require(uuid), options, c);
  }

  async screenshot(uuid: DomainUuid, screen: number, c: Call): Promise<Screenshot> {
    return await takeScreenshot(this.#guests.require(uuid), screen, c);
  }

  async #start(
    guest: Guest,
    definition: IdentifiedDomain,
    options: { readonly paused: boolean },
    c: Call,
  ): Promise<DomainInfo> {
    if (guest.instance) {
      throw new VirtError("DOMAIN_RUNNING", `guest "${guest.name}" runs already`, {
        resource: { type: "domain", name: guest.name },
      });
    }
    await this.#guests.start(guest, definition, options, c);
    return guest.info;
  }

  /** Events that the work causes carry the caller's name. */
  async #changing(
    guest: Guest,
    c: Call,
    work: (options: ExecuteOptions) => Promise<unknown>,
  ): Promise<DomainInfo> {
    guest.cause = c;
    try {
      await work({ signal: c.signal, timeoutMs: COMMAND_TIMEOUT_MS });
      // An agent that is killed behind the answer is followed by one that does not tell the change a second time.
      await guest.instance?.flush();
    } finally {
      guest.cause = undefined;
    }
    return guest.info;
  }

  /** A guest that can hear a request. @throws DOMAIN_NOT_RUNNING, WRONG_STATE */
  #listening(uuid: DomainUuid): Guest {
    const guest = this.#guests.require(uuid);
    if (guest.running.situation.state !== "paused") return guest;
    throw new VirtError(
      "WRONG_STATE",
      `guest "${guest.name}" is paused and cannot hear the request; resume it first`,
      { resource: { type: "domain", name: guest.name } },
    );
  }
}

function definitionOf(parsed: ParsedDomain): IdentifiedDomain {
  return completeDomain(parseDomain(parsed.xml)).definition;
}

/** @throws WRONG_STATE */
function checkAwake(guest: Guest): void {
  if (guest.state !== "pmsuspended") return;
  throw new VirtError("WRONG_STATE", `guest "${guest.name}" sleeps by itself; wake it up from within`, {
    resource: { type: "domain", name: guest.name },
  });
}

function transient(guest: Guest, what: string): VirtError {
  return new VirtError("DOMAIN_TRANSIENT", `guest "${guest.name}" is transient and ${what}`, {
    resource: { type: "domain", name: guest.name },
  });
}
