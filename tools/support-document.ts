import { DOMAIN_TRAITS, type DomainTrait } from "@virtmesh/core/driver/domains";
import { FACET_METHODS } from "@virtmesh/core/driver/driver";
import { LIBVIRT_MEMBERS, libvirtFunction } from "./libvirt-functions.ts";

/** What one driver says it can do. */
export interface DriverSupport {
  readonly name: string;
  readonly methods: ReadonlySet<string>;
}

/** How the methods are called in the contract; those that only the chassis uses have no call of their own. */
const CALLS: Readonly<Record<string, string>> = {
  "host.info": "HostService.GetHost",
  "host.capabilities": "HostService.GetCapabilities",
  "domains.list": "DomainService.ListDomains",
  "domains.find": "DomainService.GetDomain",
  "domains.stats": "DomainService.ListDomainStats",
  "domains.subscribe": "EventService.Watch",
  "domains.parse": "DomainService.DefineDomain with `validate_only`",
  "domains.xml": "DomainService.GetDomainXml",
  "domains.define": "DomainService.DefineDomain",
  "domains.undefine": "DomainService.UndefineDomain",
  "domains.register": "DomainService.RegisterDomain",
  "domains.create": "DomainService.CreateDomain",
  "domains.start": "DomainService.StartDomain",
  "domains.destroy": "DomainService.DestroyDomain",
  "domains.shutdown": "DomainService.ShutdownDomain",
  "domains.reboot": "DomainService.RebootDomain",
  "domains.reset": "DomainService.ResetDomain",
  "domains.suspend": "DomainService.SuspendDomain",
  "domains.resume": "DomainService.ResumeDomain",
  "domains.setAutostart": "DomainService.SetAutostart",
  "domains.openConsole": "DomainService.OpenConsole",
  "domains.screenshot": "DomainService.TakeScreenshot",
  "devices.attach": "DeviceService.AttachDevice",
  "devices.detach": "DeviceService.DetachDevice",
  "devices.update": "DeviceService.UpdateDevice",
  "resources.setMemory": "ResourceService.SetMemory",
  "resources.setMaxMemory": "ResourceService.SetMaxMemory",
  "resources.setVcpus": "ResourceService.SetVcpus",
  "resources.setMaxVcpus": "ResourceService.SetVcpus with `maximum`",
  "snapshots.list": "SnapshotService.ListSnapshots, GetSnapshot",
  "snapshots.xml": "SnapshotService.GetSnapshotXml",
  "snapshots.create": "SnapshotService.CreateSnapshot",
  "snapshots.revert": "SnapshotService.RevertSnapshot",
  "snapshots.delete": "SnapshotService.DeleteSnapshot",
  "savedState.save": "SavedStateService.SaveDomain",
  "savedState.inspect": "SavedStateService.GetSavedState",
  "savedState.restore": "SavedStateService.RestoreDomain",
  "savedState.managedSave": "SavedStateService.ManagedSaveDomain",
  "savedState.removeManaged": "SavedStateService.RemoveManagedSave",
  "guestInfo.addresses": "GuestInfoService.ListDomainAddresses",
  "guestInfo.system": "GuestInfoService.GetGuestInfo",
  "conversion.formats": "ConversionService.ListFormats",
  "conversion.fromNative": "ConversionService.ConvertFromNative",
  "conversion.toNative": "ConversionService.ConvertToNative",
  "storage.pools": "StorageService.ListPools, GetPool",
  "storage.volumes": "StorageService.ListVolumes",
  "storage.volume": "StorageService.GetVolume",
  "storage.create": "StorageService.CreateVolume",
  "storage.resize": "StorageService.ResizeVolume",
  "storage.delete": "StorageService.DeleteVolume",
  "storage.upload": "StorageService.UploadVolume",
  "storage.download": "StorageService.DownloadVolume",
  "blockJobs.list": "BlockJobService.ListBlockJobs",
  "blockJobs.cancel": "BlockJobService.CancelBlockJob",
  "diskMoves.move": "DiskMoveService.MoveDisk",
  "migrationSource.examine": "MigrationService.MigrateDomain with `validate_only`",
  "migrationSource.open": "MigrationService.MigrateDomain",
};

const TRAITS: Readonly<Record<DomainTrait, string>> = {
  pausedStart: "started with their CPUs stopped",
  pausedSave: "saved with their CPUs stopped",
  nextDefinition: "defined anew for the next start while they run",
  pushedEvents: "told of by the hypervisor when something happens to them",
};

/** docs/support-matrix.md: a row for every method a driver can have, a column for every driver, beside libvirt's. */
export function supportDocument(drivers: readonly DriverSupport[]): string {
  const names = drivers.map((driver) => driver.name);
  const lines = [
    "# What each hypervisor can do",
    "",
    "Generated from the drivers by `node tools/support-matrix.ts`; do not edit. An agent says the same of itself in",
    "`AgentService.GetSupport`; a method that is missing answers UNIMPLEMENTED with the names of facet and method.",
    "",
    "A cell says what virtmesh's driver has, and after the stroke what libvirt 9.0.0's driver of that name has, where",
    "libvirt has such a function at all.",
    "",
    ...inNumbers(drivers),
  ];
  for (const [facet, methods] of Object.entries(FACET_METHODS)) {
    lines.push("", `## ${facet}`, "", ...table(["method", "call", "in libvirt", ...names]));
    for (const method of methods) {
      const full = `${facet}.${method}`;
      const theirs = libvirtFunction(full);
      const cells = drivers.map((driver) => {
        const ours = mark(driver.methods.has(full));
        return theirs === undefined ? ours : `${ours} / ${mark(theirs.drivers.has(driver.name))}`;
      });
      lines.push(row([`\`${method}\``, CALLS[full] ?? "inside the chassis", theirs?.name ?? "", ...cells]));
    }
  }
  lines.push("", "## What guests can be", "", ...table(["", ...names]));
  for (const trait of DOMAIN_TRAITS) {
    const word = `domains.${trait}`;
    lines.push(
      row([`\`${word}\`: ${TRAITS[trait]}`, ...drivers.map((driver) => mark(driver.methods.has(word)))]),
    );
  }
  return `${lines.join("\n")}\n`;
}

function inNumbers(drivers: readonly DriverSupport[]): readonly string[] {
  const methods = Object.entries(FACET_METHODS).flatMap(([facet, names]) =>
    names.map((name) => `${facet}.${name}`),
  );
  const shared = methods.filter((method) => libvirtFunction(method) !== undefined);
  const count = (of: readonly string[], has: (method: string) => boolean | undefined): string =>
    String(of.filter((method) => has(method) === true).length);
  const each = (text: (driver: DriverSupport) => string): readonly string[] => drivers.map(text);
  return [
    ...table(["", ...drivers.map((driver) => driver.name)]),
    row([`methods here, of ${methods.length}`, ...each((d) => count(methods, (m) => d.methods.has(m)))]),
    row([
      `those that libvirt has too, of ${shared.length}: here`,
      ...each((d) => count(shared, (m) => d.methods.has(m))),
    ]),
    row(["the same: libvirt", ...each((d) => count(shared, (m) => libvirtFunction(m)?.drivers.has(d.name)))]),
    row([
      "all that libvirt's driver implements, of 257",
      ...each((d) => String(LIBVIRT_MEMBERS[d.name] ?? "no driver")),
    ]),
  ];
}

function mark(has: boolean): string {
  return has ? "yes" : "-";
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function table(head: readonly string[]): readonly string[] {
  return [row(head), row(head.map(() => "---"))];
}
