import type { Msvm } from "../msvm/types.ts";

/** Settings of network cards are of one of two classes: the fast kind, and the one that every system has a driver for. */
export interface PortSettings {
  readonly kind: "synthetic" | "emulated";
  readonly port: Msvm<"Msvm_SyntheticEthernetPortSettingData"> | Msvm<"Msvm_EmulatedEthernetPortSettingData">;
}

/** All that makes up the settings of one guest. */
export interface SystemSettings {
  readonly system: Msvm<"Msvm_VirtualSystemSettingData">;
  readonly memory: Msvm<"Msvm_MemorySettingData"> | undefined;
  readonly processor: Msvm<"Msvm_ProcessorSettingData"> | undefined;
  /** Controllers and drives. */
  readonly resources: readonly Msvm<"Msvm_ResourceAllocationSettingData">[];
  /** What lies in drives. */
  readonly media: readonly Msvm<"Msvm_StorageAllocationSettingData">[];
  readonly ports: readonly PortSettings[];
  /** What ports are plugged into. */
  readonly connections: readonly Msvm<"Msvm_EthernetPortAllocationSettingData">[];
}

/** What settings mean by names of their host. */
export interface HostNames {
  /** In paths: `HVHOST1`. */
  readonly server: string;
  /** Switches by their GUID in upper case, with the names that people give them. */
  readonly switches: ReadonlyMap<string, string>;
}

/** ResourceType and ResourceSubType of what a definition speaks of (Msvm_ResourceAllocationSettingData). */
export const KINDS = {
  ide: { ResourceType: 5, ResourceSubType: "Microsoft:Hyper-V:Emulated IDE Controller" },
  scsi: { ResourceType: 6, ResourceSubType: "Microsoft:Hyper-V:Synthetic SCSI Controller" },
  diskDrive: { ResourceType: 17, ResourceSubType: "Microsoft:Hyper-V:Synthetic Disk Drive" },
  dvdDrive: { ResourceType: 16, ResourceSubType: "Microsoft:Hyper-V:Synthetic DVD Drive" },
  hardDisk: { ResourceType: 31, ResourceSubType: "Microsoft:Hyper-V:Virtual Hard Disk" },
  dvd: { ResourceType: 31, ResourceSubType: "Microsoft:Hyper-V:Virtual CD/DVD Disk" },
  synthetic: { ResourceType: 10, ResourceSubType: "Microsoft:Hyper-V:Synthetic Ethernet Port" },
  emulated: { ResourceType: 10, ResourceSubType: "Microsoft:Hyper-V:Emulated Ethernet Port" },
  connection: { ResourceType: 33, ResourceSubType: "Microsoft:Hyper-V:Ethernet Connection" },
} as const;

/** VirtualSystemSubType: the generation with UEFI, and the one with a BIOS. */
export const GENERATION = {
  bios: "Microsoft:Hyper-V:SubType:1",
  efi: "Microsoft:Hyper-V:SubType:2",
} as const;

/** AutomaticStartupAction: nothing, and to start whatever it did before. */
export const STARTUP = { none: 2, always: 4 } as const;

export function isKind(setting: { readonly ResourceSubType?: string }, kind: keyof typeof KINDS): boolean {
  return setting.ResourceSubType?.toLowerCase() === KINDS[kind].ResourceSubType.toLowerCase();
}
