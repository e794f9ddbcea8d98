import { referenceTo } from "../cim/path.ts";
import { type Instance, numberOf, type Reference, textOf } from "../cim/value.ts";
import { isGuest, resourcesOf, settingsOf, stateOf } from "../host/guests.ts";
import type { Host } from "../host/host.ts";
import { RETURN, Refusal } from "../host/jobs.ts";
import { RESOURCES } from "../host/resources.ts";
import { type MethodCall, needInstance, needText, texts } from "./method.ts";
import { readSettings } from "./settings-text.ts";

/** Msvm_VirtualSystemMigrationSettingData.MigrationType */
export const TYPE = {
  guest: 32_768,
  storage: 32_769,
  staged: 32_770,
  guestAndStorage: 32_771,
  check: 32_772,
} as const;

/** Msvm_VirtualSystemMigrationSettingData.TransportType: those that its page calls supported. */
const TRANSPORTS: readonly number[] = [5, 32_768];

/** A virtual hard disk that shall lie elsewhere. */
export interface Relocated {
  readonly resource: Reference;
  readonly from: string;
  readonly to: string;
}

/** What the parameters of a migration say. */
export interface Wanted {
  readonly host: Host;
  readonly guest: Instance;
  readonly id: string;
  readonly type: number;
  /** Empty for storage alone, which stays on its host. */
  readonly destination: string;
  /** The host behind that name, where there is more than the name. */
  readonly there: Host | undefined;
  readonly disks: readonly Relocated[];
  /** The planned system to migrate into; empty for none. */
  readonly planned: string;
  readonly keepsSource: boolean;
  readonly overwrites: boolean;
}

/** @throws Refusal for what no host would begin with */
export function readWanted(call: MethodCall): Wanted {
  const { host } = call;
  const guest = needInstance(call, "ComputerSystem");
  if (!isGuest(host, guest)) throw new Refusal(RETURN.invalidParameter, "ComputerSystem is no guest");
  const settings = readSettings(
    needText(call, "MigrationSettingData"),
    "Msvm_VirtualSystemMigrationSettingData",
  );
  const type = numberOf(settings, "MigrationType");
  if (!Object.values<number>(TYPE).includes(type))
    throw new Refusal(RETURN.invalidParameter, `MigrationType is ${type}`);
  const transport = textOf(settings, "TransportType");
  if (transport !== "" && !TRANSPORTS.includes(Number(transport)))
    throw new Refusal(RETURN.invalidParameter, `TransportType is ${transport}`);
  const destination = type === TYPE.storage ? "" : needText(call, "DestinationHost");
  const there = host.neighbours.get(destination);
  if (type !== TYPE.storage && there === undefined && !host.seed.peers.includes(destination))
    throw new Refusal(RETURN.failed, `the host ${destination} cannot be reached`);
  const state = stateOf(guest);
  if (state !== "running" && state !== "off" && state !== "saved")
    throw new Refusal(RETURN.invalidState, `a guest that is ${state} does not migrate`);
  const id = textOf(guest, "Name");
  return {
    ...{ host, guest, id, type, destination, there },
    disks: texts(call, "NewResourceSettingData").flatMap((text) => relocated(there ?? host, host, id, text)),
    planned: textOf(settings, "DestinationPlannedVirtualSystemId"),
    keepsSource: settings.values["AvoidRemovingVHDs"] === true,
    overwrites: settings.values["AllowOverwriteExistingFile"] === true,
  };
}

/** An empty path leaves the place to the host that the disk comes to, which has a folder for them. */
function relocated(to: Host, host: Host, id: string, text: string): readonly Relocated[] {
  const wanted = readSettings(text, "CIM_ResourceAllocationSettingData");
  if (wanted.className !== "Msvm_StorageAllocationSettingData") return [];
  const known = resourcesOf(host, settingsOf(id)).find(
    (each) => textOf(each, "InstanceID").toLowerCase() === textOf(wanted, "InstanceID").toLowerCase(),
  );
  if (known === undefined || textOf(known, "ResourceSubType") !== RESOURCES.disk.subType)
    throw new Refusal(RETURN.invalidParameter, `${textOf(wanted, "InstanceID")} is no disk of ${id}`);
  const from = textOf(known, "HostResource");
  const path = textOf(wanted, "HostResource") || `${diskFolder(to)}\\${from.split("\\").at(-1)}`;
  return [{ resource: referenceTo(known), from, to: path }];
}

function diskFolder({ repository }: Host): string {
  const [settings] = repository.all("Msvm_VirtualSystemManagementServiceSettingData");
  return settings === undefined ? "" : textOf(settings, "DefaultVirtualHardDiskPath");
}
