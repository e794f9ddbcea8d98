import { randomUUID } from "node:crypto";
import type { Reference } from "../cim/value.ts";
import { type Context, hostReference, say } from "./context.ts";
import { addSwitch } from "./switches.ts";

/** Services of the host, one of each. */
const SERVICES = [
  "Msvm_VirtualSystemManagementService",
  "Msvm_VirtualSystemSnapshotService",
  "Msvm_VirtualSystemMigrationService",
  "Msvm_ImageManagementService",
  "Msvm_VirtualEthernetSwitchManagementService",
] as const;

/** What a host has besides guests: itself, its services, its switches, its Windows. */
export function addFurniture(context: Context): Reference | undefined {
  addHost(context);
  for (const className of SERVICES) addService(context, className);
  addServiceSettings(context);
  addWindows(context);
  return addNetworks(context);
}

function addHost(context: Context): void {
  const { hostName } = context.seed;
  context.repository.add("Msvm_ComputerSystem", {
    ...{ CreationClassName: "Msvm_ComputerSystem", Name: hostName, ElementName: hostName },
    ...{ Caption: say(context, "host caption"), Description: say(context, "host description") },
    ...{ EnabledDefault: 2, EnabledState: 2, HealthState: 5, NumberOfNumaNodes: 1, OperationalStatus: [2] },
    ...{ RequestedState: 12, ResetCapability: 1, Status: "OK", StatusDescriptions: ["OK"] },
  });
}

function addService(context: Context, className: string): void {
  const path = context.repository.add(className, { SystemName: context.seed.hostName });
  context.repository.add("Msvm_HostedService", { Antecedent: hostReference(context), Dependent: path });
}

function addServiceSettings({ repository, seed }: Context): void {
  const InstanceID = `Microsoft:${seed.hostName}`;
  repository.add("Msvm_VirtualSystemManagementServiceSettingData", {
    ...{
      InstanceID,
      DefaultVirtualHardDiskPath: "C:\\Users\\Public\\Documents\\Hyper-V\\Virtual Hard Disks",
    },
    ...{ DefaultExternalDataRoot: "C:\\ProgramData\\Microsoft\\Windows\\Hyper-V", NumaSpanningEnabled: true },
    ...{ MinimumMacAddress: "00155D010100", MaximumMacAddress: "00155D0101FF" },
  });
  repository.add("Msvm_VirtualSystemMigrationServiceSettingData", {
    ...{ InstanceID, EnableVirtualSystemMigration: seed.migrations, AuthenticationType: 0 },
    ...{ MaximumActiveVirtualSystemMigration: 2, MaximumActiveStorageMigration: 2 },
  });
}

function addNetworks(context: Context): Reference | undefined {
  const { repository, seed } = context;
  const paths = seed.switches.map((one) => addSwitch(context, one));
  repository.add("Msvm_ExternalEthernetPort", {
    ...{ SystemCreationClassName: "Msvm_ComputerSystem", SystemName: seed.hostName },
    ...{
      CreationClassName: "Msvm_ExternalEthernetPort",
      DeviceID: `Microsoft:{${randomUUID().toUpperCase()}}`,
    },
    ...{ ElementName: "Intel(R) Ethernet Connection", Name: "Intel(R) Ethernet Connection" },
    ...{ Caption: say(context, "port caption"), Description: say(context, "port description") },
    ...{ ActiveMaximumTransmissionUnit: 1500, SupportedMaximumTransmissionUnit: 1500, MaxDataSize: 1500 },
    ...{ AutoSense: true, FullDuplex: true, IsBound: true, EnabledState: 2, LinkTechnology: 2 },
    ...{ MaxSpeed: 1_000_000_000, Speed: 1_000_000_000, RequestedSpeed: 1_000_000_000 },
    ...{ PermanentAddress: "00155D000001", PortNumber: 0, PortType: 53, UsageRestriction: 4 },
    ...{ OperationalStatus: [2], StatusDescriptions: ["OK"], Status: "OK", TransitioningToState: null },
  });
  return paths[0];
}

function addWindows(context: Context): void {
  const { repository, seed } = context;
  const { hostName, memoryMiB, processors, hostUuid } = seed;
  const installed = new Date(Date.UTC(2025, 0, 15, 9, 30));
  repository.add("Win32_ComputerSystemProduct", {
    ...{ Name: "Virtmesh Simulator", IdentifyingNumber: "SIM-0001", Version: "1.0", Vendor: "virtmesh" },
    ...{ Caption: "Computer System Product", Description: "Computer System Product" },
    UUID: hostUuid.toUpperCase(),
  });
  repository.add("Win32_OperatingSystem", {
    Name: "Microsoft Windows Server 2022 Standard|C:\\Windows|\\Device\\Harddisk0\\Partition3",
    ...{ Caption: "Microsoft Windows Server 2022 Standard", Version: "10.0.20348", BuildNumber: "20348" },
    ...{
      CSName: hostName,
      CSCreationClassName: "Win32_ComputerSystem",
      Manufacturer: "Microsoft Corporation",
    },
    ...{ CreationClassName: "Win32_OperatingSystem", OSArchitecture: "64-bit", Status: "OK", OSType: 18 },
    ...{ TotalVisibleMemorySize: memoryMiB * 1024, FreePhysicalMemory: memoryMiB * 512 },
    ...{
      InstallDate: installed,
      LastBootUpTime: new Date(Date.now() - 86_400_000),
      LocalDateTime: new Date(),
    },
    ...{
      Locale: "0409",
      OSLanguage: 1033,
      ProductType: 3,
      SystemDrive: "C:",
      WindowsDirectory: "C:\\Windows",
    },
  });
  const computer = repository.add("Win32_ComputerSystem", {
    ...{ Name: hostName, DNSHostName: hostName, Domain: "WORKGROUP", Caption: hostName },
    ...{ CreationClassName: "Win32_ComputerSystem", Manufacturer: "virtmesh", Model: "Simulator" },
    ...{ NumberOfProcessors: 1, NumberOfLogicalProcessors: processors, HypervisorPresent: true },
    ...{
      TotalPhysicalMemory: BigInt(memoryMiB) * 1_048_576n,
      SystemType: "x64-based PC",
      PartOfDomain: false,
    },
  });
  const processor = repository.add("Win32_Processor", {
    ...{ DeviceID: "CPU0", Name: "Virtmesh Simulated CPU", Manufacturer: "GenuineIntel", Architecture: 9 },
    ...{ NumberOfCores: processors, NumberOfLogicalProcessors: processors, MaxClockSpeed: 2400 },
    ...{ CurrentClockSpeed: 2400, AddressWidth: 64, DataWidth: 64, SystemName: hostName, Status: "OK" },
    ...{ CreationClassName: "Win32_Processor", SystemCreationClassName: "Win32_ComputerSystem" },
  });
  repository.add("Win32_ComputerSystemProcessor", { GroupComponent: computer, PartComponent: processor });
}
