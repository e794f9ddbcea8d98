import type { Call } from "@virtmesh/core/call";
import { VirtError } from "@virtmesh/core/errors";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { readOne } from "../guests/inventory.ts";
import { settingPath, switchPath } from "../msvm/object-path.ts";
import { settingReference } from "../msvm/session.ts";
import { embedded } from "../msvm/write.ts";
import type { HypervServer } from "../server.ts";
import { type Hardware, hardwareOf } from "../settings/hardware.ts";
import type { SystemSettings } from "../settings/model.ts";
import {
  connectionOf,
  controllerAt,
  driveOf,
  type HardwareChange,
  hardwareChange,
  mediumOf,
  type NewDisk,
  type NewNic,
  PORT_CLASSES,
  portOf,
  scsiController,
} from "../settings/write.ts";

const SERVICE = "Msvm_VirtualSystemManagementService";
const RESOURCE = "Msvm_ResourceAllocationSettingData";

/** Takes out what the definition has no more, and puts in what is new: controllers, then drives and cards, then what lies in them. */
export async function changeHardware(
  server: HypervServer,
  key: string,
  definition: IdentifiedDomain,
  now: SystemSettings,
  what: string,
  c: Call,
): Promise<void> {
  const change = hardwareChange(definition, hardwareOf(now, server.names));
  const networks = change.nics.map(({ network }) =>
    network === "" ? "" : pathOfSwitch(server, network, what),
  );
  const add = async (ResourceSettings: readonly string[]): Promise<void> => {
    if (ResourceSettings.length === 0) return;
    const AffectedConfiguration = settingReference(
      "Msvm_VirtualSystemSettingData",
      now.system.InstanceID ?? "",
    );
    await server.call(what, SERVICE, "AddResourceSettings", { AffectedConfiguration, ResourceSettings }, c);
  };
  const read = async (): Promise<Hardware> => {
    const facts = await server.ask(
      what,
      (session, options) => readOne(session, key, server.names, options),
      c,
    );
    if (facts === undefined)
      throw new VirtError("DOMAIN_NOT_FOUND", `${what}: the host does not know it any more`);
    return hardwareOf(facts.settings, server.names);
  };
  await remove(server, change, what, c);
  if (isNothingNew(change)) return;
  const controllers = Array.from({ length: change.scsiControllers }, () =>
    embedded(RESOURCE, scsiController()),
  );
  await add(controllers);
  const bare = await read();
  await add([
    ...change.disks.map((disk) => driveText(server, bare, disk, what)),
    ...change.nics.map(portText),
  ]);
  // Which ids the new drives and cards have got: an answer with a job does not tell.
  const placed = await read();
  await add([
    ...change.disks.flatMap((disk) => (disk.file === "" ? [] : [mediumText(server, placed, disk, what)])),
    ...change.nics.flatMap((nic, i) =>
      networks[i] ? [connectionText(server, placed, nic, networks[i], what)] : [],
    ),
  ]);
}

function isNothingNew({ scsiControllers, disks, nics }: HardwareChange): boolean {
  return scsiControllers <= 0 && disks.length === 0 && nics.length === 0;
}

async function remove(
  server: HypervServer,
  { removed }: HardwareChange,
  what: string,
  c: Call,
): Promise<void> {
  // One after the other: what hangs at something goes before it.
  for (const { className, id } of removed)
    await server.call(
      what,
      SERVICE,
      "RemoveResourceSettings",
      { ResourceSettings: [settingReference(className, id)] },
      c,
    );
}

function driveText(server: HypervServer, hardware: Hardware, disk: NewDisk, what: string): string {
  const controller = controllerAt(hardware, disk.place);
  if (controller === undefined)
    throw new VirtError(
      "CONFIG_UNSUPPORTED",
      `${what}: it has no ${disk.place.bus} controller ${disk.place.controller} for a disk`,
    );
  return embedded(RESOURCE, driveOf(disk, settingPath(server.names.server, RESOURCE, controller.id)));
}

function mediumText(
  server: HypervServer,
  hardware: Hardware,
  { place, ...disk }: NewDisk,
  what: string,
): string {
  const drive = hardware.disks.find(
    (each) =>
      each.place.bus === place.bus &&
      each.place.controller === place.controller &&
      each.place.unit === place.unit,
  );
  if (drive === undefined) throw new VirtError("PROTOCOL", `${what}: the host took a drive and has none`);
  return embedded(
    "Msvm_StorageAllocationSettingData",
    mediumOf({ place, ...disk }, settingPath(server.names.server, RESOURCE, drive.driveId)),
  );
}

function portText(nic: NewNic): string {
  return embedded(PORT_CLASSES[nic.kind], portOf(nic));
}

function connectionText(
  server: HypervServer,
  { nics }: Hardware,
  nic: NewNic,
  network: string,
  what: string,
): string {
  const address = nic.address?.toLowerCase();
  const port = nics.find(({ mac, kind }) => kind === nic.kind && mac.replaceAll(":", "") === address);
  if (port === undefined)
    throw new VirtError("PROTOCOL", `${what}: the host took a network card and has none`);
  const path = settingPath(server.names.server, PORT_CLASSES[nic.kind], port.portId);
  return embedded("Msvm_EthernetPortAllocationSettingData", connectionOf(path, network));
}

function pathOfSwitch({ names }: HypervServer, network: string, what: string): string {
  for (const [id, name] of names.switches) if (name === network) return switchPath(names.server, id);
  const known = [...names.switches.values()].sort().join(", ") || "none at all";
  throw new VirtError("CONFIG_UNSUPPORTED", `${what}: the host has no switch "${network}"; it has ${known}`, {
    violations: [{ field: "interface source bridge", description: `there is no switch "${network}"` }],
  });
}
