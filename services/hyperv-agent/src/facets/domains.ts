import type { Call } from "@virtmesh/core/call";
import type {
  DomainFacet,
  DomainInfo,
  DomainStats,
  DomainTrait,
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
import type { Guest } from "../guests/guest.ts";
import { quoted, settingReference } from "../msvm/session.ts";
import { embedded } from "../msvm/write.ts";
import type { HypervServer } from "../server.ts";
import { settled } from "../settings/check.ts";
import { STARTUP } from "../settings/model.ts";
import { wmiUri } from "../wsman/namespaces.ts";
import { changePower, requireActive } from "./change-power.ts";
import { configure, makeGuest } from "./configure.ts";
import { pngOfRgb565 } from "./picture.ts";
import { statsOf } from "./stats.ts";

/** How long a guest may take for the last of its shutdown, before it counts as one that hangs. */
const GOING_OFF_MS = 10_000;
/** As large as an answer may be: hosts send half a megabyte at most. */
const PICTURE = { width: 400, height: 300 } as const;

export class HypervDomains implements DomainFacet {
  readonly #server: HypervServer;

  constructor(server: HypervServer) {
    this.#server = server;
  }

  get lacks(): readonly DomainTrait[] {
    const always = ["pausedStart", "nextDefinition"] as const;
    return this.#server.degraded === undefined ? always : [...always, "pushedEvents"];
  }

  list(): readonly DomainInfo[] {
    return this.#server.guests.all().map((guest) => guest.info);
  }

  find(ref: string): DomainInfo | undefined {
    return this.#server.guests.find(ref)?.info;
  }

  stats(uuids?: readonly DomainUuid[]): readonly DomainStats[] {
    const { guests } = this.#server;
    const all = guests.all();
    const names = Map.groupBy(all, ({ name }) => name);
    const chosen = uuids === undefined ? all : uuids.flatMap((uuid) => guests.find(uuid) ?? []);
    return chosen.map((guest) => statsOf(guest, this.#server, names.get(guest.name)?.length === 1));
  }

  subscribe(listener: EventListener): Disposable {
    return this.#server.guests.events.subscribe(listener);
  }

  parse(xml: string): ParsedDomain {
    const read = parseDomain(xml);
    if (read.type !== "hyperv") {
      throw new VirtError(
        "CONFIG_UNSUPPORTED",
        `guest "${read.name}" is of the type ${read.type}; here are those of hyperv`,
        { resource: { type: "domain", name: read.name } },
      );
    }
    const { definition, uuidGenerated } = completeDomain(read);
    const kept = settled(definition);
    const { uuid, name } = kept;
    return { uuid, name, uuidGenerated, xml: formatDomain(kept, { secure: true, inactive: true }) };
  }

  async xml(uuid: DomainUuid, form: XmlForm, _c: Call): Promise<string> {
    const { info, facts } = this.#server.guests.require(uuid);
    const { definition } = facts;
    return formatDomain(info.id > 0 && !form.inactive ? { ...definition, id: info.id } : definition, form);
  }

  async define(parsed: ParsedDomain, c: Call): Promise<DomainInfo> {
    const { definition } = completeDomain(parseDomain(parsed.xml));
    const known = this.#server.guests.find(parsed.uuid);
    return known === undefined
      ? await makeGuest(this.#server, definition, c)
      : await this.#redefine(known, definition, c);
  }

  /** Its disks stay where they are, as those of any guest whose definition is taken away. */
  async undefine(uuid: DomainUuid, c: Call): Promise<void> {
    const { guests } = this.#server;
    const guest = guests.require(uuid);
    if (guest.active) {
      throw new VirtError(
        "DOMAIN_RUNNING",
        `guest "${guest.name}" runs, and Hyper-V has no guests without a definition; destroy it first`,
        { resource: { type: "domain", name: guest.name } },
      );
    }
    await guests.during(uuid, c, async () => {
      await this.#server.call(
        `guest "${guest.name}" cannot be undefined`,
        "Msvm_VirtualSystemManagementService",
        "DestroySystem",
        { AffectedSystem: guest.reference },
        c,
      );
      await this.#server.heard(guest, (facts) => facts === undefined, c);
    });
  }

  async start(uuid: DomainUuid, options: { readonly paused: boolean }, c: Call): Promise<DomainInfo> {
    const guest = this.#server.guests.require(uuid);
    const resource = { type: "domain", name: guest.name };
    if (guest.active)
      throw new VirtError("DOMAIN_RUNNING", `guest "${guest.name}" runs already, it is ${guest.info.state}`, {
        resource,
      });
    if (options.paused)
      throw new VirtError(
        "UNSUPPORTED",
        `guest "${guest.name}" cannot be started paused: Hyper-V has no such start`,
        { resource },
      );
    return await changePower(this.#server, guest, "on", "running", "be started", c);
  }

  async destroy(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const guest = requireActive(this.#server, uuid);
    try {
      return await changePower(this.#server, guest, "off", "off", "be turned off", c, "destroy");
    } catch (e) {
      if (!VirtError.is(e) || e.reason !== "WRONG_STATE") throw e;
      // It went off by itself, and the host has not told that yet; or it is going off.
      await this.#server.refresh(guest.key, c.signal);
      requireActive(this.#server, uuid);
      if (await this.#goesOff(guest, c)) return guest.info;
      throw e;
    }
  }

  /** A guest that shuts down cannot be turned off any more, and needs not. */
  async #goesOff(guest: Guest, c: Call): Promise<boolean> {
    const limit = AbortSignal.timeout(GOING_OFF_MS);
    const bounded = { ...c, signal: AbortSignal.any([c.signal, limit]) };
    try {
      await this.#server.heard(guest, (told) => told?.power === "off", bounded);
      return true;
    } catch (e) {
      if (limit.aborted && !c.signal.aborted) return false;
      throw e;
    }
  }

  async shutdown(uuid: DomainUuid, c: Call): Promise<void> {
    await this.#askInside(requireActive(this.#server, uuid), "InitiateShutdown", "shut down", c);
  }

  async reboot(uuid: DomainUuid, c: Call): Promise<void> {
    await this.#askInside(requireActive(this.#server, uuid), "InitiateReboot", "reboot", c);
  }

  async reset(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    return await changePower(
      this.#server,
      requireActive(this.#server, uuid),
      "reset",
      "running",
      "be reset",
      c,
    );
  }

  async suspend(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const guest = requireActive(this.#server, uuid);
    if (guest.facts.power === "paused") return guest.info;
    return await changePower(this.#server, guest, "pause", "paused", "be suspended", c);
  }

  async resume(uuid: DomainUuid, c: Call): Promise<DomainInfo> {
    const guest = requireActive(this.#server, uuid);
    if (guest.facts.power === "running") return guest.info;
    return await changePower(this.#server, guest, "on", "running", "be resumed", c);
  }

  async setAutostart(uuid: DomainUuid, autostart: boolean, c: Call): Promise<DomainInfo> {
    const guest = this.#server.guests.require(uuid);
    const SystemSettings = embedded("Msvm_VirtualSystemSettingData", {
      InstanceID: guest.settingsId,
      AutomaticStartupAction: autostart ? STARTUP.always : STARTUP.none,
    });
    await this.#server.guests.during(uuid, c, async () => {
      const what = `guest "${guest.name}" cannot be marked to start with its host, or not to`;
      await this.#server.call(
        what,
        "Msvm_VirtualSystemManagementService",
        "ModifySystemSettings",
        { SystemSettings },
        c,
      );
      await this.#server.refresh(guest.key, c.signal);
    });
    return guest.info;
  }

  /** Hyper-V's thumbnail, which it draws in any size. */
  async screenshot(uuid: DomainUuid, screen: number, c: Call): Promise<Screenshot> {
    const guest = requireActive(this.#server, uuid);
    if (screen !== 0)
      throw new VirtError("DEVICE_NOT_FOUND", `guest "${guest.name}" has one screen, which is number 0`, {
        resource: { type: "device", name: `screen ${screen}` },
      });
    const { width: WidthPixels, height: HeightPixels } = PICTURE;
    const { output } = await this.#server.call(
      `the screen of guest "${guest.name}" cannot be seen`,
      "Msvm_VirtualSystemManagementService",
      "GetVirtualSystemThumbnailImage",
      {
        TargetSystem: settingReference("Msvm_VirtualSystemSettingData", guest.settingsId),
        WidthPixels,
        HeightPixels,
      },
      c,
    );
    const pixels = Buffer.from(output.ImageData ?? []);
    if (pixels.length !== WidthPixels * HeightPixels * 2)
      throw new VirtError("PROTOCOL", `the screen of guest "${guest.name}" came with ${pixels.length} bytes`);
    const png = pngOfRgb565(pixels, WidthPixels, HeightPixels);
    return {
      mimeType: "image/png",
      data: (async function* () {
        yield png;
      })(),
    };
  }

  async #redefine(guest: Guest, definition: IdentifiedDomain, c: Call): Promise<DomainInfo> {
    if (guest.active) {
      throw new VirtError(
        "DOMAIN_RUNNING",
        `guest "${guest.name}" runs, and Hyper-V keeps no other settings for its next start; shut it down first`,
        { resource: { type: "domain", name: guest.name } },
      );
    }
    return await configure(this.#server, guest, definition, c);
  }

  /** The guest's own system is asked, by the integration component in it. */
  async #askInside(
    guest: Guest,
    method: "InitiateShutdown" | "InitiateReboot",
    verb: string,
    c: Call,
  ): Promise<void> {
    const what = `guest "${guest.name}" cannot be asked to ${verb}`;
    const [component] = await this.#server.ask(
      what,
      (session, options) =>
        session.query("Msvm_ShutdownComponent", options, `SystemName = ${quoted(guest.key)}`),
      c,
    );
    if (component === undefined)
      throw new VirtError(
        "GUEST_REFUSED",
        `${what}: there is no integration component for it; destroy it instead`,
        {
          resource: { type: "domain", name: guest.name },
        },
      );
    const {
      DeviceID = "",
      SystemName = "",
      SystemCreationClassName = "",
      CreationClassName = "",
    } = component;
    await this.#server.call(what, "Msvm_ShutdownComponent", method, { Force: false, Reason: "virtmesh" }, c, {
      resourceUri: wmiUri("root/virtualization/v2", "Msvm_ShutdownComponent"),
      selectors: { DeviceID, SystemName, SystemCreationClassName, CreationClassName },
    });
  }
}
