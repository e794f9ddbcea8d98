import type { Call } from "@virtmesh/core/call";
import type {
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
import { settled } from "../definition/check.ts";
import { specForNew } from "../definition/write.ts";
import { type Power, readFacts, WATCHED } from "../guests/facts.ts";
import type { Guest } from "../guests/guest.ts";
import { isEnabled, listed } from "../guests/starting-with.ts";
import type { Intent } from "../guests/story.ts";
import type { EsxServer } from "../server.ts";
import { referenceOf } from "../vim/session.ts";
import { caughtUp, configure, powerCaughtUp } from "./configure.ts";
import { takePicture } from "./picture.ts";
import { statsOf } from "./stats.ts";

export class EsxDomains implements DomainFacet {
  readonly lacks = ["pausedStart", "nextDefinition"] as const;
  readonly startsWithHost = true;
  readonly #server: EsxServer;

  constructor(server: EsxServer) {
    this.#server = server;
  }

  list(): readonly DomainInfo[] {
    return this.#server.guests.all().map((guest) => guest.info);
  }

  find(ref: string): DomainInfo | undefined {
    return this.#server.guests.find(ref)?.info;
  }

  stats(uuids?: readonly DomainUuid[]): readonly DomainStats[] {
    const { guests, performance } = this.#server;
    const chosen = uuids === undefined ? guests.all() : uuids.flatMap((uuid) => guests.find(uuid) ?? []);
    return chosen.map((guest) => statsOf(guest, performance.totalsOf(guest)));
  }

  subscribe(listener: EventListener): Disposable {
    return this.#server.guests.events.subscribe(listener);
  }

  parse(xml: string): ParsedDomain {
    const read = parseDomain(xml);
    if (read.type !== "vmware") {
      throw new VirtError(
        "CONFIG_UNSUPPORTED",
        `guest "${read.name}" is of the type ${read.type}; here are those of vmware`,
        {
          resource: { type: "domain", name: read.name },
        },
      );
    }
    const { definition, uuidGenerated } = completeDomain(read);
    const kept = settled(definition);
    // Every disk is looked at now, so that none is refused half way.
    specForNew(kept, "");
    const { uuid, name } = kept;
    return { uuid, name, uuidGenerated, xml: formatDomain(kept, { secure: true, inactive: true }) };
  }

  async xml(uuid: DomainUuid, form: XmlForm, _c: Call): Promise<string> {
    const { info, facts } = this.#server.guests.require(uuid);
    return formatDomain(
      info.id > 0 && !form.inactive ? { ...facts.definition, id: info.id } : facts.definition,
      form,
    );
  }

  async define(parsed: ParsedDomain, c: Call): Promise<DomainInfo> {
    const { definition } = completeDomain(parseDomain(parsed.xml));
    const known = this.#server.guests.find(parsed.uuid);
    return known === undefined ? await this.#make(definition, c) : await this.#redefine(known, definition, c);
  }

  /** Its files stay where they are, as those of any guest whose definition is taken away. */
  async undefine(uuid: DomainUuid, c: Call): Promise<void> {
    const { guests } = this.#server;
    const guest = guests.require(uuid);
    if (guest.facts.power !== "poweredOff") {
      throw new VirtError(
        "DOMAIN_RUNNING",
        `guest "${guest.name}" runs, and vSphere has no guests without a definition; destroy it first`,
        { resource: { type: "domain", name: guest.name } },
      );
    }
    await guests.during(uuid, c, async () => {
      await this.#server.call(`guest "${guest.name}" cannot be unregistered`, guest, "UnregisterVM", {}, c);
      await guests.until(uuid, (told) => told === undefined, c);
    });
  }

  /** A .vmx file of a datastore; what defines the guest is in it. */
  async register(path: string, name: string, c: Call): Promise<DomainInfo> {
    const { guests, place } = this.#server;
    const args = {
      ...{ path, ...(name === "" ? {} : { name }), asTemplate: false },
      ...{ pool: place.pool, host: place.host },
    };
    const what = `the guest at ${path} cannot be registered`;
    const made = await this.#server.taskAt(what, place.folder, "RegisterVM_Task", args, c, path);
    if (made === undefined)
      throw new VirtError("PROTOCOL", `the server registered ${path} and did not say which guest it is`);
    const object = referenceOf(made);
    const { definition } = readFacts(object, await this.#server.read(object, WATCHED, c)) ?? {};
    if (definition === undefined)
      throw new VirtError("PROTOCOL", `the server registered ${path} and does not say what it is`);
    await guests.during(definition.uuid, c, () => caughtUp(this.#server, object, definition.uuid, c));
    return guests.require(definition.uuid).info;
  }

  async start(uuid: DomainUuid, options: { readonly paused: boolean }, c: Call): Promise<DomainInfo> {
    const guest = this.#server.guests.require(uuid);
    if (guest.facts.power !== "poweredOff") {
      throw new VirtError("DOMAIN_RUNNING", `guest "${guest.name}" runs already, it is ${guest.info.state}`, {
        resource: { type: "domain", name: guest.name },
      });
    }
    if (options.paused) {
      throw new VirtError(
        "UNSUPPORTED",
        `guest "${guest.name}" cannot be started paused: vSphere has no such start`,
        {
          resource: { type: "domain", name: guest.name },
        },
      );
    }
    return await this.#power(guest, "PowerOnVM_Task", "poweredOn", "be started", c);
  }

  async destroy(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const guest = this.#active(uuid);
    try {
      return await this.#power(guest, "PowerOffVM_Task", "poweredOff", "be powered off", c, "destroy");
    } catch (e) {
      if (!VirtError.is(e) || e.reason !== "WRONG_STATE") throw e;
      // It went off by itself, and the stream has not told that yet.
      await powerCaughtUp(this.#server, guest, c);
      this.#active(uuid);
      throw e;
    }
  }

  async shutdown(uuid: DomainUuid, c: Call): Promise<void> {
    const guest = this.#active(uuid);
    await this.#server.call(
      `guest "${guest.name}" cannot be asked to shut down`,
      guest,
      "ShutdownGuest",
      {},
      c,
    );
  }

  async reboot(uuid: DomainUuid, c: Call): Promise<void> {
    const guest = this.#active(uuid);
    await this.#server.call(`guest "${guest.name}" cannot be asked to reboot`, guest, "RebootGuest", {}, c);
  }

  async reset(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const guest = this.#active(uuid);
    // Some servers show it off for a moment, which is not what happened.
    await this.#server.guests.during(
      uuid,
      c,
      async () => {
        await this.#server.task(`guest "${guest.name}" cannot be reset`, guest, "ResetVM_Task", {}, c);
        await this.#server.guests.until(uuid, (told) => told?.power === "poweredOn", c);
      },
      true,
    );
    return guest.info;
  }

  /** To vSphere that is to keep its memory in a file and let go of its CPUs. */
  async suspend(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const guest = this.#active(uuid);
    if (guest.facts.power === "suspended") return guest.info;
    return await this.#power(guest, "SuspendVM_Task", "suspended", "be suspended", c);
  }

  async resume(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const guest = this.#active(uuid);
    if (guest.facts.power === "poweredOn") return guest.info;
    return await this.#power(guest, "PowerOnVM_Task", "poweredOn", "be resumed", c);
  }

  async setAutostart(uuid: DomainUuid, autostart: boolean, c: Call): Promise<DomainInfo> {
    const { guests, place } = this.#server;
    const guest = guests.require(uuid);
    const what = `whether guest "${guest.name}" starts with its host cannot be changed`;
    const config = guests.told(place.host).get("config.autoStart");
    const others = [...listed(config)].filter((each) => each !== guest.object.value);
    if (autostart && !isEnabled(config) && others.length > 0) {
      throw new VirtError(
        "WRONG_STATE",
        `${what}: ${place.facts.name} starts no guests, and ${others.length} others would start with this one; enable it on the host, or take those off its list`,
        { resource: { type: "domain", name: guest.name } },
      );
    }
    const spec = {
      ...(autostart && !isEnabled(config) ? { defaults: { enabled: true } } : {}),
      powerInfo: {
        ...{ key: guest.object, startOrder: -1, startDelay: -1, waitForHeartbeat: "systemDefault" },
        ...{ startAction: autostart ? "powerOn" : "none", stopDelay: -1, stopAction: "systemDefault" },
      },
    };
    await this.#server.callAt(what, place.autoStart, "ReconfigureAutostart", { spec }, c, guest.name);
    await guests.until(uuid, () => guests.find(uuid)?.autostart === autostart, c);
    return guest.info;
  }

  async screenshot(uuid: DomainUuid, screen: number, c: Call): Promise<Screenshot> {
    const guest = this.#active(uuid);
    if (screen !== 0)
      throw new VirtError(
        "INVALID_FIELD",
        `guest "${guest.name}" has one screen to vSphere, with the number 0`,
      );
    return { mimeType: "image/png", data: pieces(await takePicture(this.#server, guest, c)) };
  }

  async #make(definition: IdentifiedDomain, c: Call): Promise<DomainInfo> {
    const { guests, place } = this.#server;
    const { uuid, name } = definition;
    const args = { config: specForNew(definition, place.datastore), pool: place.pool, host: place.host };
    await guests.during(
      uuid,
      c,
      async () => {
        const what = `guest "${name}" cannot be made`;
        const made = await this.#server.taskAt(what, place.folder, "CreateVM_Task", args, c, name);
        if (made === undefined)
          throw new VirtError("PROTOCOL", `the server made guest "${name}" and did not say which it is`);
        await caughtUp(this.#server, referenceOf(made), uuid, c);
      },
      true,
    );
    return guests.require(uuid).info;
  }

  async #redefine(guest: Guest, definition: IdentifiedDomain, c: Call): Promise<DomainInfo> {
    if (guest.facts.power !== "poweredOff") {
      throw new VirtError(
        "DOMAIN_RUNNING",
        `guest "${guest.name}" runs, and vSphere keeps no other configuration for its next start; shut it down first`,
        { resource: { type: "domain", name: guest.name } },
      );
    }
    return await configure(this.#server, guest, definition, c);
  }

  async #power(
    guest: Guest,
    method: string,
    power: Power,
    what: string,
    c: Call,
    intent?: Intent,
  ): Promise<DomainInfo> {
    const { guests } = this.#server;
    await guests.during(guest.uuid, c, async () => {
      guest.intent = intent;
      await this.#server.task(`guest "${guest.name}" cannot ${what}`, guest, method, {}, c);
      await guests.until(guest.uuid, (told) => told?.power === power, c);
    });
    return guest.info;
  }

  /** @throws DOMAIN_NOT_RUNNING */
  #active(uuid: DomainUuid): Guest {
    const guest = this.#server.guests.require(uuid);
    if (guest.facts.power !== "poweredOff") return guest;
    throw new VirtError("DOMAIN_NOT_RUNNING", `guest "${guest.name}" does not run; start it first`, {
      resource: { type: "domain", name: guest.name },
    });
  }
}

async function* pieces(data: Uint8Array): AsyncGenerator<Uint8Array> {
  yield data;
}
