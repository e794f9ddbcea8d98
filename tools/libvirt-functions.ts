/**
 * libvirt's function for each method of a driver, and those of libvirt's drivers that implement it: a filled member
 * of the driver's `virHypervisorDriver` table in libvirt 9.0.0, and for storage of its `virStorageDriver` table, which
 * qemu, lxc and xen share. A method without a line has no counterpart there.
 */
export interface LibvirtFunction {
  readonly name: string;
  readonly drivers: ReadonlySet<string>;
}

const TABLE: Readonly<Record<string, readonly [name: string, drivers: string]>> = {
  "host.info": ["virNodeGetInfo", "qemu lxc xen esx hyperv test"],
  "host.capabilities": ["virConnectGetCapabilities", "qemu lxc xen esx hyperv test"],
  "domains.list": ["virConnectListAllDomains", "qemu lxc xen esx hyperv test"],
  "domains.find": ["virDomainLookupByUUID", "qemu lxc xen esx hyperv test"],
  "domains.stats": ["virConnectGetAllDomainStats", "qemu test"],
  "domains.subscribe": ["virConnectDomainEventRegisterAny", "qemu lxc xen test"],
  "domains.xml": ["virDomainGetXMLDesc", "qemu lxc xen esx hyperv test"],
  "domains.define": ["virDomainDefineXMLFlags", "qemu lxc xen esx test"],
  "domains.undefine": ["virDomainUndefineFlags", "qemu lxc xen esx hyperv test"],
  "domains.create": ["virDomainCreateXML", "qemu lxc xen test"],
  "domains.start": ["virDomainCreateWithFlags", "qemu lxc xen esx hyperv test"],
  "domains.destroy": ["virDomainDestroyFlags", "qemu lxc xen esx hyperv test"],
  "domains.shutdown": ["virDomainShutdownFlags", "qemu lxc xen esx hyperv test"],
  "domains.reboot": ["virDomainReboot", "qemu lxc xen esx hyperv test"],
  "domains.reset": ["virDomainReset", "qemu hyperv test"],
  "domains.suspend": ["virDomainSuspend", "qemu lxc xen esx hyperv test"],
  "domains.resume": ["virDomainResume", "qemu lxc xen esx hyperv test"],
  "domains.setAutostart": ["virDomainSetAutostart", "qemu lxc xen esx hyperv test"],
  "domains.openConsole": ["virDomainOpenConsole", "qemu lxc xen"],
  "domains.screenshot": ["virDomainScreenshot", "qemu esx hyperv test"],
  "devices.attach": ["virDomainAttachDeviceFlags", "qemu lxc xen hyperv"],
  "devices.detach": ["virDomainDetachDeviceFlags", "qemu lxc xen"],
  "devices.update": ["virDomainUpdateDeviceFlags", "qemu lxc xen"],
  "resources.setMemory": ["virDomainSetMemoryFlags", "qemu lxc xen esx hyperv test"],
  "resources.setMaxMemory": ["virDomainSetMaxMemory", "qemu lxc xen esx hyperv test"],
  "resources.setVcpus": ["virDomainSetVcpusFlags", "qemu xen esx hyperv test"],
  "snapshots.list": ["virDomainSnapshotListNames", "qemu esx test"],
  "snapshots.xml": ["virDomainSnapshotGetXMLDesc", "qemu esx test"],
  "snapshots.create": ["virDomainSnapshotCreateXML", "qemu esx test"],
  "snapshots.revert": ["virDomainRevertToSnapshot", "qemu esx test"],
  "snapshots.delete": ["virDomainSnapshotDelete", "qemu esx test"],
  "savedState.save": ["virDomainSaveFlags", "qemu xen test"],
  "savedState.inspect": ["virDomainSaveImageGetXMLDesc", "qemu test"],
  "savedState.restore": ["virDomainRestoreFlags", "qemu xen test"],
  "savedState.managedSave": ["virDomainManagedSave", "qemu xen hyperv test"],
  "savedState.removeManaged": ["virDomainManagedSaveRemove", "qemu xen hyperv test"],
  "guestInfo.addresses": ["virDomainInterfaceAddresses", "qemu lxc xen esx test"],
  "guestInfo.system": ["virDomainGetGuestInfo", "qemu"],
  "conversion.fromNative": ["virConnectDomainXMLFromNative", "lxc xen esx"],
  "conversion.toNative": ["virConnectDomainXMLToNative", "qemu xen esx"],
  "storage.pools": ["virConnectListStoragePools", "qemu lxc xen esx test"],
  "storage.volumes": ["virStoragePoolListVolumes", "qemu lxc xen esx test"],
  "storage.volume": ["virStorageVolLookupByName", "qemu lxc xen esx test"],
  "storage.create": ["virStorageVolCreateXML", "qemu lxc xen esx test"],
  "storage.resize": ["virStorageVolResize", "qemu lxc xen"],
  "storage.delete": ["virStorageVolDelete", "qemu lxc xen esx test"],
  "storage.upload": ["virStorageVolUpload", "qemu lxc xen"],
  "storage.download": ["virStorageVolDownload", "qemu lxc xen"],
  "blockJobs.list": ["virDomainGetBlockJobInfo", "qemu"],
  "blockJobs.cancel": ["virDomainBlockJobAbort", "qemu"],
  "diskMoves.move": ["virDomainBlockCopy", "qemu"],
  "migrationSource.open": ["virDomainMigrateToURI3", "qemu xen"],
};

/** libvirt's counterpart of `facet.method`; undefined where it has none. */
export function libvirtFunction(method: string): LibvirtFunction | undefined {
  const row = TABLE[method];
  return row === undefined ? undefined : { name: row[0], drivers: new Set(row[1].split(" ")) };
}

/** Members that each of libvirt's drivers fills in its `virHypervisorDriver`, of 257 (libvirt 9.0.0). */
export const LIBVIRT_MEMBERS: Readonly<Record<string, number>> = {
  qemu: 233,
  lxc: 94,
  xen: 105,
  esx: 81,
  hyperv: 62,
  test: 160,
};
