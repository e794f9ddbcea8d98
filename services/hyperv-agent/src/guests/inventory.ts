import { ownerOf } from "../msvm/object-path.ts";
import { type MsvmSession, quoted } from "../msvm/session.ts";
import type { ClassName, Msvm } from "../msvm/types.ts";
import type { HostNames, SystemSettings } from "../settings/model.ts";
import type { CallOptions } from "../wsman/client.ts";
import { type Facts, factsOf, isGuest } from "./facts.ts";

/** How a class of settings is found: all of them, or those of one guest. */
type Finder = <C extends ClassName>(className: C) => Promise<readonly Msvm<C>[]>;

/** Hears of a guest whose settings cannot be understood, which is left aside then. */
export type LeaveAside = (error: unknown, name: string) => void;

/** All guests with their settings: each class is asked for once, however many guests there are. */
export async function readAll(
  session: MsvmSession,
  names: HostNames,
  leaveAside: LeaveAside,
  options: CallOptions,
): Promise<readonly Facts[]> {
  const systems = (await session.query("Msvm_ComputerSystem", options)).filter(isGuest);
  if (systems.length === 0) return [];
  const settings = await session.query("Msvm_VirtualSystemSettingData", options);
  const components = owned(await readComponents((className) => session.query(className, options)));
  // Those as they are, and not those that a checkpoint keeps, which have ids of their own.
  const settingsOf = byOwner(settings);
  return systems.flatMap((system) => {
    const [own] = settingsOf((system.Name ?? "").toUpperCase());
    if (own === undefined) return [];
    try {
      return [factsOf(system, pick(own, components), names)];
    } catch (e) {
      leaveAside(e, system.ElementName ?? "");
      return [];
    }
  });
}

/** One guest; undefined when there is none of that GUID. */
export async function readOne(
  session: MsvmSession,
  key: string,
  names: HostNames,
  options: CallOptions,
): Promise<Facts | undefined> {
  const [system] = await session.query("Msvm_ComputerSystem", options, `Name = ${quoted(key)}`);
  if (system === undefined) return undefined;
  const settings = await readSettings(session, `Microsoft:${key}`, options);
  return settings && factsOf(system, settings, names);
}

/** All the settings of a guest, or those that a checkpoint keeps. `id`: InstanceID of the first of them. */
export async function readSettings(
  session: MsvmSession,
  id: string,
  options: CallOptions,
): Promise<SystemSettings | undefined> {
  const [own] = await session.query("Msvm_VirtualSystemSettingData", options, `InstanceID = ${quoted(id)}`);
  if (own === undefined) return undefined;
  const components = await readComponents((className) => session.componentsOf(id, className, options));
  return pick(own, owned(components));
}

interface Components {
  readonly memory: readonly Msvm<"Msvm_MemorySettingData">[];
  readonly processors: readonly Msvm<"Msvm_ProcessorSettingData">[];
  readonly resources: readonly Msvm<"Msvm_ResourceAllocationSettingData">[];
  readonly media: readonly Msvm<"Msvm_StorageAllocationSettingData">[];
  readonly synthetic: readonly Msvm<"Msvm_SyntheticEthernetPortSettingData">[];
  readonly emulated: readonly Msvm<"Msvm_EmulatedEthernetPortSettingData">[];
  readonly connections: readonly Msvm<"Msvm_EthernetPortAllocationSettingData">[];
}

async function readComponents(find: Finder): Promise<Components> {
  const [memory, processors, resources, media, synthetic, emulated, connections] = await Promise.all([
    find("Msvm_MemorySettingData"),
    find("Msvm_ProcessorSettingData"),
    find("Msvm_ResourceAllocationSettingData"),
    find("Msvm_StorageAllocationSettingData"),
    find("Msvm_SyntheticEthernetPortSettingData"),
    find("Msvm_EmulatedEthernetPortSettingData"),
    find("Msvm_EthernetPortAllocationSettingData"),
  ]);
  return { memory, processors, resources, media, synthetic, emulated, connections };
}

function pick(system: SystemSettings["system"], find: Owned): SystemSettings {
  const owner = ownerOf(system.InstanceID) ?? "";
  return {
    system,
    memory: find.memory(owner)[0],
    processor: find.processors(owner)[0],
    resources: find.resources(owner),
    media: find.media(owner),
    ports: [
      ...find.synthetic(owner).map((port) => ({ kind: "synthetic", port }) as const),
      ...find.emulated(owner).map((port) => ({ kind: "emulated", port }) as const),
    ],
    connections: find.connections(owner),
  };
}

/** Settings of all guests by the guest: looking through all of them for each would take its time with a thousand. */
type Owned = { readonly [K in keyof Components]: (owner: string) => Components[K] };

function owned(all: Components): Owned {
  return {
    memory: byOwner(all.memory),
    processors: byOwner(all.processors),
    resources: byOwner(all.resources),
    media: byOwner(all.media),
    synthetic: byOwner(all.synthetic),
    emulated: byOwner(all.emulated),
    connections: byOwner(all.connections),
  };
}

function byOwner<T extends { readonly InstanceID?: string }>(
  all: readonly T[],
): (owner: string) => readonly T[] {
  const groups = Map.groupBy(all, ({ InstanceID }) => ownerOf(InstanceID));
  return (owner) => groups.get(owner) ?? [];
}
