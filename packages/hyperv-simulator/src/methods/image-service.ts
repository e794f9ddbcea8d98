import { writeEmbedded } from "../cim/embedded.ts";
import { numberOf, textOf } from "../cim/value.ts";
import { type Disk, DISK_FORMAT, DISK_TYPE, fileBytes } from "../host/disks.ts";
import { RETURN, Refusal, type Work } from "../host/jobs.ts";
import { type Answer, DONE, type MethodCall, needText } from "./method.ts";
import { readSettings } from "./settings-text.ts";

const MIB = 1024 * 1024;
/** The largest there is of each format. */
const MOST_BYTES: Readonly<Record<number, number>> = {
  [DISK_FORMAT.vhd]: 2040 * 1024 * MIB,
  [DISK_FORMAT.vhdx]: 64 * 1024 * 1024 * MIB,
};

export function createVirtualHardDisk(call: MethodCall): Work {
  const settings = readSettings(needText(call, "VirtualDiskSettingData"), "Msvm_VirtualHardDiskSettingData");
  const disk = {
    path: textOf(settings, "Path"),
    type: numberOf(settings, "Type"),
    format: numberOf(settings, "Format"),
    sizeBytes: numberOf(settings, "MaxInternalSize"),
    parentPath: textOf(settings, "ParentPath") || undefined,
  };
  checkDisk(call, disk);
  return diskWork(() => {
    const parent = call.host.disks.find(disk.parentPath ?? "");
    call.host.disks.put(parent === undefined ? disk : { ...disk, sizeBytes: parent.sizeBytes });
  });
}

function checkDisk({ host }: MethodCall, disk: Omit<Disk, "id">): void {
  const refuse = (why: string): never => {
    throw new Refusal(RETURN.invalidParameter, why);
  };
  if (!/^[A-Za-z]:\\.+\.a?vhdx?$/i.test(disk.path)) refuse(`Path is "${disk.path}"`);
  if (host.disks.find(disk.path) !== undefined) refuse(`there is ${disk.path} already`);
  const most = MOST_BYTES[disk.format];
  if (most === undefined) return refuse(`Format is ${disk.format}`);
  if (!Object.values<number>(DISK_TYPE).includes(disk.type)) refuse(`Type is ${disk.type}`);
  if (disk.type === DISK_TYPE.differencing) {
    if (host.disks.find(disk.parentPath ?? "") === undefined)
      refuse(`there is no ParentPath ${disk.parentPath}`);
  } else if (disk.sizeBytes < 3 * MIB || disk.sizeBytes > most) {
    refuse(`MaxInternalSize is ${disk.sizeBytes}`);
  }
}

function diskWork(act: () => void): Work {
  return {
    ...{ describes: "making a disk", jobClass: "Msvm_StorageJob", affected: [] },
    finish: () => {
      act();
      return {};
    },
  };
}

function needDisk(call: MethodCall, name: string): Disk {
  const path = needText(call, name);
  const disk = call.host.disks.find(path);
  if (disk === undefined) throw new Refusal(RETURN.notFound, `there is no file ${path}`);
  return disk;
}

export function getVirtualHardDiskSettingData(call: MethodCall): Answer {
  const disk = needDisk(call, "Path");
  const text = writeEmbedded({
    className: "Msvm_VirtualHardDiskSettingData",
    values: {
      ...{ InstanceID: disk.id, ElementName: disk.path.split("\\").at(-1) ?? "", Path: disk.path },
      ...{ Type: disk.type, Format: disk.format, MaxInternalSize: disk.sizeBytes, VirtualDiskId: disk.id },
      ...{ BlockSize: 32 * MIB, LogicalSectorSize: 512, PhysicalSectorSize: 4096 },
      ParentPath: disk.parentPath ?? null,
    },
  });
  return { ...DONE, output: { SettingData: text } };
}

export function getVirtualHardDiskState(call: MethodCall): Answer {
  const disk = needDisk(call, "Path");
  const isInUse = call.host.repository
    .all("Msvm_StorageAllocationSettingData")
    .some((r) => textOf(r, "HostResource").toLowerCase() === disk.path.toLowerCase());
  const text = writeEmbedded({
    className: "Msvm_VirtualHardDiskState",
    values: { FileSize: fileBytes(disk), InUse: isInUse, Alignment: 1, FragmentationPercentage: 0 },
  });
  return { ...DONE, output: { State: text } };
}

export function resizeVirtualHardDisk(call: MethodCall): Work {
  const disk = needDisk(call, "Path");
  const sizeBytes = Number(call.input["MaxInternalSize"] ?? 0);
  if (disk.type === DISK_TYPE.differencing || sizeBytes < 3 * MIB)
    throw new Refusal(RETURN.invalidParameter, `${disk.path} cannot be made ${sizeBytes} bytes large`);
  return diskWork(() => call.host.disks.put({ ...disk, sizeBytes }));
}

export function mergeVirtualHardDisk(call: MethodCall): Work {
  const [source, destination] = [needDisk(call, "SourcePath"), needDisk(call, "DestinationPath")];
  if (source.parentPath?.toLowerCase() !== destination.path.toLowerCase())
    throw new Refusal(RETURN.invalidParameter, `${destination.path} is not what ${source.path} stands on`);
  return diskWork(() => call.host.disks.remove(source.path));
}

export function convertVirtualHardDisk(call: MethodCall): Work {
  const source = needDisk(call, "SourcePath");
  const settings = readSettings(needText(call, "VirtualDiskSettingData"), "Msvm_VirtualHardDiskSettingData");
  const disk = {
    path: textOf(settings, "Path"),
    type: numberOf(settings, "Type"),
    format: numberOf(settings, "Format"),
    ...{ sizeBytes: source.sizeBytes, parentPath: textOf(settings, "ParentPath") || undefined },
  };
  checkDisk(call, disk);
  return diskWork(() => call.host.disks.put(disk));
}

export function validateVirtualHardDisk(call: MethodCall): Work {
  needDisk(call, "Path");
  return diskWork(() => undefined);
}
