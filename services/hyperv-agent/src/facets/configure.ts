import type { DefinedOnceGuests } from "@virtmesh/agent/guests/one-definition";
import type { Call } from "@virtmesh/core/call";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { readOne } from "../guests/inventory.ts";
import type { Guest } from "../guests/guest.ts";
import { systemReference } from "../msvm/session.ts";
import { embedded } from "../msvm/write.ts";
import type { HypervServer } from "../server.ts";
import { settled } from "../settings/check.ts";
import type { SystemSettings } from "../settings/model.ts";
import { generationOf, memoryOf, processorOf, systemForChange, systemForNew } from "../settings/write.ts";
import type { Reference } from "../wsman/values.ts";
import { changeHardware } from "./change-hardware.ts";

const SERVICE = "Msvm_VirtualSystemManagementService";

/** Makes a guest that is not there yet. When it cannot be made whole, nothing of it is left. */
export async function makeGuest(server: HypervServer, given: IdentifiedDomain, c: Call): Promise<DomainInfo> {
  const definition = settled(given);
  const { uuid, name } = definition;
  const what = `guest "${name}" cannot be made`;
  await server.guests.during(
    uuid,
    c,
    async () => {
      const SystemSettings = embedded("Msvm_VirtualSystemSettingData", systemForNew(definition));
      const { output, job } = await server.call(what, SERVICE, "DefineSystem", { SystemSettings }, c);
      const made = output.ResultingSystem ?? (await affectedSystem(server, job, what, c));
      const key = (made.selectors["Name"] ?? "").toUpperCase();
      try {
        await bringAbout(server, key, definition, what, c);
        await server.refresh(key, c.signal);
      } catch (e) {
        await server.call(what, SERVICE, "DestroySystem", { AffectedSystem: made }, withoutEnd(c));
        await server.refresh(key, withoutEnd(c).signal);
        throw e;
      }
    },
    true,
  );
  return server.guests.require(uuid).info;
}

/** Makes a guest as the definition says. When that fails, it is made again as it was. */
export async function configure(
  server: HypervServer,
  guest: Guest,
  given: IdentifiedDomain,
  c: Call,
): Promise<DomainInfo> {
  const definition = settled(given);
  const before = guest.facts.definition;
  const what = `the settings of guest "${guest.name}" cannot be changed`;
  if (generationOf(definition) !== generationOf(before))
    throw new VirtError(
      "CONFIG_UNSUPPORTED",
      `guest "${guest.name}" was made ${before.os.firmwareKind === "efi" ? "with UEFI" : "with a BIOS"}, which Hyper-V cannot change; define another one`,
      { resource: { type: "domain", name: guest.name } },
    );
  await server.guests.during(
    guest.uuid,
    c,
    async () => {
      try {
        await bringAbout(server, guest.key, definition, what, c);
      } catch (e) {
        const again = withoutEnd(c);
        // What stands in the way of going back is the lesser news.
        await bringAbout(server, guest.key, before, what, again).catch(() => undefined);
        await server.refresh(guest.key, again.signal);
        throw e;
      }
      await server.refresh(guest.key, c.signal);
    },
    true,
  );
  return guest.info;
}

/** Tidying up goes on when the caller has gone. */
function withoutEnd(c: Call): Call {
  return { ...c, signal: AbortSignal.timeout(60_000) };
}

async function bringAbout(
  server: HypervServer,
  key: string,
  definition: IdentifiedDomain,
  what: string,
  c: Call,
): Promise<void> {
  const facts = await server.ask(what, (session, options) => readOne(session, key, server.names, options), c);
  if (facts === undefined)
    throw new VirtError("DOMAIN_NOT_FOUND", `${what}: the host does not know it any more`);
  const { settings } = facts;
  const SystemSettings = embedded(
    "Msvm_VirtualSystemSettingData",
    systemForChange(definition, key, settings.system),
  );
  const hasOther =
    definition.name !== settings.system.ElementName || SystemSettings !== systemNow(settings.system);
  if (hasOther) await server.call(what, SERVICE, "ModifySystemSettings", { SystemSettings }, c);
  const ResourceSettings = resourcesToChange(definition, settings);
  if (ResourceSettings.length > 0)
    await server.call(what, SERVICE, "ModifyResourceSettings", { ResourceSettings }, c);
  await changeHardware(server, key, definition, settings, what, c);
}

function systemNow({ InstanceID, ElementName, Notes }: SystemSettings["system"]): string {
  return embedded("Msvm_VirtualSystemSettingData", {
    ...(InstanceID === undefined ? {} : { InstanceID }),
    ...(ElementName === undefined ? {} : { ElementName }),
    ...(Notes === undefined ? {} : { Notes }),
  });
}

function resourcesToChange(definition: IdentifiedDomain, now: SystemSettings): readonly string[] {
  const memory = { ...withId(now.memory), ...memoryOf(definition) };
  const processor = { ...withId(now.processor), ...processorOf(definition) };
  return [
    ...(differs(memory, now.memory) ? [embedded("Msvm_MemorySettingData", memory)] : []),
    ...(differs(processor, now.processor) ? [embedded("Msvm_ProcessorSettingData", processor)] : []),
  ];
}

function withId(setting: { readonly InstanceID?: string } | undefined): { readonly InstanceID?: string } {
  return setting?.InstanceID === undefined ? {} : { InstanceID: setting.InstanceID };
}

function differs(wanted: object, now: object | undefined): boolean {
  const known = new Map<string, unknown>(Object.entries(now ?? {}));
  return Object.entries(wanted).some(([name, value]) => known.get(name) !== value);
}

/** A job does not say what it has made; the host keeps that beside it. */
async function affectedSystem(
  server: HypervServer,
  job: Reference | undefined,
  what: string,
  c: Call,
): Promise<Reference> {
  // Queries cannot compare references, so all of them are asked for.
  const all = await server.ask(
    what,
    (session, options) => session.query("Msvm_AffectedJobElement", options),
    c,
  );
  const id = job?.selectors["InstanceID"]?.toUpperCase();
  for (const { AffectingElement, AffectedElement } of all) {
    const isOurs = id !== undefined && AffectingElement?.selectors["InstanceID"]?.toUpperCase() === id;
    const name = AffectedElement?.selectors["Name"];
    if (isOurs && name !== undefined && AffectedElement?.resourceUri.endsWith("/Msvm_ComputerSystem"))
      return systemReference(name);
  }
  throw new VirtError("PROTOCOL", `${what}: the host made it and did not say which it is`);
}

/** Hyper-V has one set of settings for what runs and for the next start alike. */
export function configurable(server: HypervServer): DefinedOnceGuests<Guest> {
  return {
    hypervisor: "Hyper-V",
    events: server.guests.events,
    require: (uuid) => server.guests.require(uuid),
    configure: (guest, definition, c) => configure(server, guest, definition, c),
  };
}
