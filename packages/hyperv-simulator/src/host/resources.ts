import type { Value } from "../cim/value.ts";

/** A kind of resource that a guest can be given. */
export interface ResourceKind {
  readonly className: string;
  readonly type: number;
  readonly subType: string;
  /** What follows the guest's id in InstanceID where Hyper-V always uses the same. */
  readonly fixedId?: string;
  readonly needsParent?: true;
  readonly defaults: Readonly<Record<string, Value>>;
}

function kind(
  className: string,
  type: number,
  subType: string,
  more: Partial<Omit<ResourceKind, "className" | "type" | "subType">> = {},
): ResourceKind {
  return { className, type, subType: `Microsoft:Hyper-V:${subType}`, defaults: {}, ...more };
}

const CONTROLLER = { Caption: "", Description: "", VirtualQuantity: 1, Limit: 1, Reservation: 1, Weight: 0 };
const RASD = "Msvm_ResourceAllocationSettingData";
const SASD = "Msvm_StorageAllocationSettingData";

export const RESOURCES = {
  processor: kind("Msvm_ProcessorSettingData", 3, "Processor", {
    fixedId: "b637f346-6a0e-4dec-af52-bd70cb80a21d\\0",
    defaults: { VirtualQuantity: 1, VirtualQuantityUnits: "count", ElementName: "Processor" },
  }),
  memory: kind("Msvm_MemorySettingData", 4, "Memory", {
    fixedId: "4764334d-e001-4176-82ee-5594ec9b530e",
    defaults: {
      ...{ VirtualQuantity: 1024, Limit: 1_048_576, Reservation: 512, Weight: 5000, ElementName: "Memory" },
      ...{ DynamicMemoryEnabled: false, TargetMemoryBuffer: 20, SwapFilesInUse: false },
    },
  }),
  ide: kind(RASD, 5, "Emulated IDE Controller", {
    defaults: { ...CONTROLLER, ElementName: "IDE Controller" },
  }),
  scsi: kind(RASD, 6, "Synthetic SCSI Controller", {
    defaults: { ...CONTROLLER, ElementName: "SCSI Controller" },
  }),
  nic: kind("Msvm_SyntheticEthernetPortSettingData", 10, "Synthetic Ethernet Port", {
    defaults: { ElementName: "Network Adapter" },
  }),
  legacyNic: kind("Msvm_EmulatedEthernetPortSettingData", 10, "Emulated Ethernet Port", {
    defaults: { ElementName: "Legacy Network Adapter" },
  }),
  connection: kind("Msvm_EthernetPortAllocationSettingData", 33, "Ethernet Connection", {
    needsParent: true,
    defaults: { EnabledState: 2, ElementName: "Dynamic Ethernet Switch Port" },
  }),
  drive: kind(RASD, 17, "Synthetic Disk Drive", {
    needsParent: true,
    defaults: { ElementName: "Hard Drive" },
  }),
  dvdDrive: kind(RASD, 16, "Synthetic DVD Drive", {
    needsParent: true,
    defaults: { ElementName: "DVD Drive" },
  }),
  disk: kind(SASD, 31, "Virtual Hard Disk", {
    needsParent: true,
    defaults: { ElementName: "Hard Disk Image" },
  }),
  dvd: kind(SASD, 31, "Virtual CD/DVD Disk", {
    needsParent: true,
    defaults: { ElementName: "ISO Disk Image" },
  }),
  serial: kind("Msvm_SerialPortSettingData", 21, "Serial Port", { defaults: { ElementName: "COM" } }),
} as const satisfies Readonly<Record<string, ResourceKind>>;

/** The kind with that sub type; old clients write storage as Msvm_ResourceAllocationSettingData. */
export function resourceKind(subType: string): ResourceKind | undefined {
  return Object.values<ResourceKind>(RESOURCES).find(
    (r) => r.subType.toLowerCase() === subType.toLowerCase(),
  );
}
