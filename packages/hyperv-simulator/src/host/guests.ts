import { randomUUID } from "node:crypto";
import { isInstanceOf } from "../cim/repository.ts";
import { identity, referenceTo } from "../cim/path.ts";
import {
  type Instance,
  interval,
  isReference,
  keyText,
  NEVER,
  numberOf,
  type Reference,
  textOf,
  type Value,
  valueText,
} from "../cim/value.ts";
import { type Context, guestReference, pathText, say, settingReference } from "./context.ts";
import { count } from "./counters.ts";
import { addDevices, removeDevices, showContact, showTold } from "./devices.ts";
import { addGuestNetwork, removeResource, showAddresses } from "./guest-network.ts";
import { DISK_FORMAT, DISK_TYPE } from "./disks.ts";
import { ENABLED_STATE, type GuestState, guestState } from "./guest-state.ts";
import { type ResourceKind, RESOURCES } from "./resources.ts";
import type { SeedGuest } from "./seed.ts";

export const REALIZED = "Microsoft:Hyper-V:System:Realized";
export const SNAPSHOT = "Microsoft:Hyper-V:Snapshot:Realized";
const SETTINGS = "Msvm_VirtualSystemSettingData";

/** RequestedState when nothing is asked for: recorded from guests at rest. */
const NO_CHANGE = 5;

export function isGuest(context: Context, instance: Instance): boolean {
  return instance.className === "Msvm_ComputerSystem" && textOf(instance, "Name") !== context.seed.hostName;
}

/** Its settings: InstanceID is `Microsoft:` and its id. */
export function settingsOf(id: string): Reference {
  return settingReference(SETTINGS, `Microsoft:${id}`);
}

/** A guest with nothing but processor, memory and controllers. */
export function addGuest(
  context: Context,
  name: string,
  settings: Readonly<Record<string, Value>> = {},
  id: string = randomUUID().toUpperCase(),
): Reference {
  const now = new Date();
  const subType = settings["VirtualSystemSubType"] ?? "Microsoft:Hyper-V:SubType:1";
  const guest = context.repository.add("Msvm_ComputerSystem", {
    ...{ CreationClassName: "Msvm_ComputerSystem", Name: id, ElementName: name },
    ...{ Caption: say(context, "guest caption"), Description: "Microsoft Virtual Machine" },
    ...{ EnabledState: ENABLED_STATE.off, EnabledDefault: 3, RequestedState: NO_CHANGE, ResetCapability: 1 },
    ...{ EnhancedSessionModeState: 3, FailedOverReplicationType: 0, HealthState: 5, InstallDate: now },
    ...{ LastApplicationConsistentReplicationTime: NEVER, LastReplicationTime: NEVER },
    ...{ LastReplicationType: 0, NumberOfNumaNodes: 1, OnTimeInMilliseconds: 0, OperationalStatus: [2] },
    ...{ ProcessID: null, ReplicationHealth: 0, ReplicationMode: 0, ReplicationState: 0, Status: "OK" },
    ...{ StatusDescriptions: [say(context, "operating normally")] },
    ...{ TimeOfLastConfigurationChange: now, TimeOfLastStateChange: NEVER },
  });
  const ofGuest = context.repository.add(SETTINGS, {
    ...{ Caption: "Virtual Machine Settings", Description: "Active settings of the virtual machine" },
    ...{
      Architecture: "x64",
      AutomaticRecoveryAction: 3,
      AutomaticShutdownAction: 3,
      AutomaticStartupAction: 3,
    },
    ...{ AutomaticStartupActionDelay: interval(0), BIOSGUID: `{${randomUUID().toUpperCase()}}` },
    ...{ BIOSNumLock: false, BootOrder: [3, 2, 0, 1], ConfigurationDataRoot: "C:\\ProgramData\\Hyper-V" },
    ...{ CreationTime: now, IncrementalBackupEnabled: false, Notes: [], SecureBootEnabled: false },
    ...{ SnapshotDataRoot: "C:\\ProgramData\\Hyper-V", UserSnapshotType: 3, Version: "10.0" },
    ...settings,
    ...{ InstanceID: `Microsoft:${id}`, ElementName: name, VirtualSystemIdentifier: id, ConfigurationID: id },
    ...{ VirtualSystemType: REALIZED, VirtualSystemSubType: subType },
  });
  context.repository.add("Msvm_SettingsDefineState", { ManagedElement: guest, SettingData: ofGuest });
  addResource(context, id, RESOURCES.processor);
  addResource(context, id, RESOURCES.memory);
  if (valueText(subType).endsWith(":1")) {
    for (const number of ["0", "1"]) {
      addResource(
        context,
        id,
        RESOURCES.ide,
        { Address: number },
        `83F8638B-8DCA-4152-9EDA-2CA8B33039B4\\${number}`,
      );
      addResource(
        context,
        id,
        RESOURCES.serial,
        { ElementName: `COM ${Number(number) + 1}` },
        `8E3A359F-559A-4B6A-98A9-1690A6100ED7\\${number}`,
      );
    }
  } else {
    addResource(context, id, RESOURCES.scsi);
  }
  addDevices(context, id);
  showContact(context, id, false);
  return guest;
}

/** Gives a guest, or a checkpoint of one, a resource. `id`: what follows `Microsoft:` in InstanceID of the settings. */
export function addResource(
  context: Context,
  id: string,
  kind: ResourceKind,
  values: Readonly<Record<string, Value>> = {},
  part: string = kind.fixedId ?? `${randomUUID().toUpperCase()}\\0`,
): Reference {
  const resource = context.repository.add(kind.className, {
    ...kind.defaults,
    ...values,
    ...{ InstanceID: `Microsoft:${id}\\${part}`, ResourceType: kind.type, ResourceSubType: kind.subType },
  });
  context.repository.add("Msvm_VirtualSystemSettingDataComponent", {
    GroupComponent: settingsOf(id),
    PartComponent: resource,
  });
  if (kind.type === RESOURCES.nic.type) addGuestNetwork(context, resource, `${id}\\${part}`);
  return resource;
}

/** The resources of settings, which may be those of a checkpoint. */
export function resourcesOf(context: Context, settings: Reference): readonly Instance[] {
  return context.repository.associationsOf(settings).flatMap((association) => {
    const part = association.values["PartComponent"];
    if (association.className !== "Msvm_VirtualSystemSettingDataComponent") return [];
    if (!isReference(part)) return [];
    if (identity(part) === identity(settings)) return [];
    const instance = context.repository.get(part);
    return instance === undefined ? [] : [instance];
  });
}

export function resourceOf(context: Context, id: string, className: string): Instance | undefined {
  return resourcesOf(context, settingsOf(id)).find((resource) => isInstanceOf(resource, className));
}

export function removeGuest(context: Context, id: string): void {
  count(context, id, resourcesOf(context, settingsOf(id)), false);
  removeSettings(context, settingsOf(id));
  removeDevices(context, id);
  context.repository.remove(guestReference(id));
}

export function removeSettings(context: Context, settings: Reference): void {
  for (const resource of resourcesOf(context, settings)) removeResource(context, referenceTo(resource));
  context.repository.remove(settings);
}

export function stateOf(guest: Instance): GuestState {
  return guestState(numberOf(guest, "EnabledState"));
}

/** Lets a guest be in a state, with all that shows it. */
export function enterState(context: Context, id: string, state: GuestState, requested = NO_CHANGE): void {
  const hasProcess = state !== "off" && state !== "saved" && state !== "starting";
  const guest = guestReference(id);
  const before = context.repository.get(guest);
  if (before === undefined) return;
  const pid = before.values["ProcessID"] ?? 4096 + Math.floor(Math.random() * 16_384) * 4;
  context.repository.update(guest, {
    ...{ EnabledState: ENABLED_STATE[state], RequestedState: requested, TimeOfLastStateChange: new Date() },
    ...{ EnabledDefault: hasProcess ? 2 : 3, EnhancedSessionModeState: hasProcess ? 6 : 3 },
    ...{ ProcessID: hasProcess ? pid : null, HwThreadsPerCoreRealized: hasProcess ? 2 : null },
    ...{ OperationalStatus: [requested === NO_CHANGE ? 2 : 11] },
  });
  const isSettled = state === "running" || state === "paused" || state === "off" || state === "saved";
  if (!isSettled) return;
  showContact(context, id, state === "running");
  const [port] = resourcesOf(context, settingsOf(id)).filter(
    (r) => numberOf(r, "ResourceType") === RESOURCES.nic.type,
  );
  const known = context.seed.guests.find(({ name }) => name === textOf(before, "ElementName"));
  const { addresses = [], tells = {} } = state === "running" ? (known ?? {}) : {};
  if (port !== undefined) showAddresses(context, referenceTo(port), addresses);
  showTold(context, id, tells);
  const resources = resourcesOf(context, settingsOf(id));
  count(context, id, resources, state === "running" || state === "paused");
  context.repository.update(settingsOf(id), { IsSaved: state === "saved" });
}

export function seedGuest(context: Context, seed: SeedGuest, switchPath: Reference | undefined): void {
  const guest = addGuest(
    context,
    seed.name,
    {
      VirtualSystemSubType: `Microsoft:Hyper-V:SubType:${seed.generation ?? 1}`,
      ...(seed.notes === undefined ? {} : { Notes: [seed.notes] }),
    },
    seed.id?.toUpperCase(),
  );
  const id = keyText(guest, "Name");
  const set = (className: string, values: Readonly<Record<string, Value>>): void => {
    const resource = resourceOf(context, id, className);
    if (resource !== undefined) context.repository.update(referenceTo(resource), values);
  };
  if (seed.memoryMiB !== undefined) set("Msvm_MemorySettingData", { VirtualQuantity: seed.memoryMiB });
  if (seed.processors !== undefined) set("Msvm_ProcessorSettingData", { VirtualQuantity: seed.processors });
  const controller = resourcesOf(context, settingsOf(id)).find((r) =>
    [5, 6].includes(numberOf(r, "ResourceType")),
  );
  for (const [index, disk] of (seed.disks ?? []).entries()) {
    const part = textOf(controller ?? guestOf(context, id), "InstanceID").replace(`Microsoft:${id}\\`, "");
    const drive = addResource(
      context,
      id,
      RESOURCES.drive,
      {
        Parent: controller === undefined ? null : pathText(context, referenceTo(controller)),
        AddressOnParent: String(index),
      },
      `${part}\\${index}\\D`,
    );
    const values = { Parent: pathText(context, drive), HostResource: [disk.path] };
    addResource(context, id, RESOURCES.disk, values, `${part}\\${index}\\L`);
    context.disks.put({
      path: disk.path,
      ...{ type: DISK_TYPE.dynamic, format: DISK_FORMAT.vhdx, parentPath: undefined },
      sizeBytes: disk.sizeBytes ?? 10 * 1024 ** 3,
    });
  }
  for (const mac of seed.macs ?? []) {
    const nic = randomUUID().toUpperCase();
    const port = addResource(context, id, RESOURCES.nic, { Address: mac, StaticMacAddress: true }, nic);
    const hostResource = switchPath === undefined ? null : [pathText(context, switchPath)];
    const values = { Parent: pathText(context, port), HostResource: hostResource };
    addResource(context, id, RESOURCES.connection, values, `${nic}\\C`);
  }
  if (seed.state !== undefined && seed.state !== "off") enterState(context, id, seed.state);
}

function guestOf(context: Context, id: string): Instance {
  const guest = context.repository.get(guestReference(id));
  if (guest === undefined) throw new Error(`there is no guest ${id}`);
  return guest;
}
