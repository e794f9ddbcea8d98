import { bigAt, childrenOf, flagAt, numberAt, textAt, at, type VimNode } from "../vim/node.ts";
import type { DiskPlace } from "./disk-places.ts";

/** vSphere's types of SCSI controllers by libvirt's model. */
export const SCSI_MODELS = {
  buslogic: "VirtualBusLogicController",
  lsilogic: "VirtualLsiLogicController",
  lsisas1068: "VirtualLsiLogicSASController",
  vmpvscsi: "ParaVirtualSCSIController",
} as const;

/** vSphere's types of network cards by libvirt's model. */
export const NIC_MODELS = {
  vlance: "VirtualPCNet32",
  vmxnet: "VirtualVmxnet",
  vmxnet2: "VirtualVmxnet2",
  vmxnet3: "VirtualVmxnet3",
  e1000: "VirtualE1000",
  e1000e: "VirtualE1000e",
} as const;

export type ScsiModel = keyof typeof SCSI_MODELS;
export type NicModel = keyof typeof NIC_MODELS;

/** Something that disks hang at. */
export interface Controller {
  readonly key: number;
  readonly type: string;
  readonly bus: DiskPlace["bus"];
  readonly number: number;
  readonly model: ScsiModel | undefined;
}

export interface PlacedDisk {
  readonly key: number;
  readonly type: string;
  /** The server's own name for it. */
  readonly label: string;
  readonly controllerKey: number;
  readonly place: DiskPlace;
  readonly device: "disk" | "cdrom" | "floppy";
  /** `[datastore] folder/file`; empty for an empty drive and for one that is no file. */
  readonly file: string;
  /** 0 where it is not told. */
  readonly capacityBytes: bigint;
  /** The whole backing is not a file: a device of the host, or of whoever has its console open. */
  readonly other: boolean;
}

export interface PlacedNic {
  readonly key: number;
  readonly type: string;
  readonly label: string;
  readonly model: NicModel | undefined;
  readonly mac: string;
  readonly backing: VimNode | undefined;
  /** The cable is plugged in when the guest starts. */
  readonly connected: boolean;
}

/** The devices of a configuration that a definition speaks of. */
export interface Hardware {
  readonly controllers: readonly Controller[];
  readonly disks: readonly PlacedDisk[];
  readonly nics: readonly PlacedNic[];
}

export function hardwareOf(config: VimNode): Hardware {
  const devices = childrenOf(at(config, "hardware"), "device");
  const controllers = devices.flatMap(controllerOf);
  return {
    controllers,
    disks: devices.flatMap((device) => diskOf(device, controllers)),
    nics: devices.flatMap(nicOf),
  };
}

/** Controllers that need no model. */
const BUSES: Readonly<Record<string, DiskPlace["bus"]>> = {
  VirtualIDEController: "ide",
  VirtualAHCIController: "sata",
  VirtualSIOController: "fdc",
};

/** What hangs at them, by what libvirt calls it. */
const DRIVES: Readonly<Record<string, PlacedDisk["device"]>> = {
  VirtualDisk: "disk",
  VirtualCdrom: "cdrom",
  VirtualFloppy: "floppy",
};

function controllerOf(device: VimNode): readonly Controller[] {
  const model = modelOf(SCSI_MODELS, device.type);
  const bus = model !== undefined ? "scsi" : BUSES[device.type];
  if (bus === undefined) return [];
  return [{ key: keyOf(device), type: device.type, bus, number: numberAt(device, "busNumber") ?? 0, model }];
}

function diskOf(device: VimNode, controllers: readonly Controller[]): readonly PlacedDisk[] {
  const kind = DRIVES[device.type];
  if (kind === undefined) return [];
  const owner = controllers.find((each) => each.key === numberAt(device, "controllerKey"));
  if (owner === undefined) return [];
  const file = textAt(device, "backing", "fileName") ?? "";
  const backing = at(device, "backing")?.type ?? "";
  return [
    {
      key: keyOf(device),
      type: device.type,
      label: labelOf(device),
      controllerKey: owner.key,
      place: { bus: owner.bus, controller: owner.number, unit: numberAt(device, "unitNumber") ?? 0 },
      device: kind,
      file,
      capacityBytes: bigAt(device, "capacityInBytes") ?? (bigAt(device, "capacityInKB") ?? 0n) * 1024n,
      other: file === "" && device.type === "VirtualDisk" && backing !== "",
    },
  ];
}

function nicOf(device: VimNode): readonly PlacedNic[] {
  const mac = textAt(device, "macAddress");
  if (mac === undefined) return [];
  const model = modelOf(NIC_MODELS, device.type);
  return [
    {
      ...{ key: keyOf(device), type: device.type, label: labelOf(device), model },
      mac: mac.toLowerCase(),
      backing: at(device, "backing"),
      connected: flagAt(device, "connectable", "startConnected") !== false,
    },
  ];
}

function labelOf(device: VimNode): string {
  return textAt(device, "deviceInfo", "label") ?? "";
}

function keyOf(device: VimNode): number {
  return numberAt(device, "key") ?? 0;
}

function modelOf<M extends string>(models: Readonly<Record<M, string>>, type: string): M | undefined {
  return (Object.keys(models) as M[]).find((model) => models[model] === type);
}
