import type { Hostdev } from "@virtmesh/documents/domain/devices/hostdev";
import type { Json } from "./arguments.ts";
import { unsupported } from "./arguments.ts";
import { hostAndPort, PORTS } from "./block/servers.ts";
import { usbPlace } from "./buses.ts";
import type { BuildContext, DeviceContext } from "./context.ts";
import { deviceDriver, idOf, pciPlace, virtioPci } from "./context.ts";
import { scsiPlace } from "./disks.ts";
import { hostPciAddress, pciRom } from "./host-pci.ts";
import type { DeviceParts } from "./parts.ts";
import { addParts, joinParts } from "./parts.ts";
import { secretObject } from "./secrets.ts";

type Of<T extends Hostdev["type"]> = Extract<Hostdev, { readonly type: T }>;

export function hostdevArguments(c: BuildContext): void {
  for (const [i, hostdev] of c.definition.devices.hostdevs.entries())
    addParts(c.args, hostdevParts(c, hostdev, i));
}

/** A device of the host that the guest drives itself. */
export function hostdevParts(c: DeviceContext, hostdev: Hostdev, index: number): DeviceParts {
  const path = `devices/hostdev[${index + 1}]`;
  // Taken from the host together with others of its group, and not given to the guest.
  if (hostdev.address?.type === "unassigned") return {};
  const id = idOf(hostdev, `hostdev${index}`);
  switch (hostdev.type) {
    case "pci":
      return { devices: [pciDevice(c, hostdev, id, path)] };
    case "usb":
      return { devices: [usbDevice(c, hostdev, id, path)] };
    case "scsi":
      return joinParts(scsiBackend(c, hostdev, id, path), {
        devices: [
          {
            driver: deviceDriver(c, "scsi-generic", path),
            drive: backendNode(id),
            id,
            bootindex: hostdev.boot?.order,
            "share-rw": hostdev.shareable,
            ...scsiUnit(c, hostdev, path),
          },
        ],
      });
    case "scsi_host":
      return { devices: [vhostScsi(c, hostdev, id, path)] };
    case "mdev":
      return { devices: [mediatedDevice(c, hostdev, id, path)] };
    case "storage":
    case "misc":
    case "net":
      throw unsupported(`${path}/@type`, `only containers are given devices of type ${hostdev.type}`);
  }
}

function pciDevice(c: DeviceContext, hostdev: Of<"pci">, id: string, path: string): Json {
  const { driver, source, teaming, boot } = hostdev;
  if (driver?.name === "kvm" || driver?.name === "xen")
    throw unsupported(`${path}/driver/@name`, `devices are passed on by vfio, not by ${driver.name}`);
  if (driver?.iommufd === true) throw unsupported(`${path}/driver/@iommufd`, "iommufd is not supported");
  return {
    driver: deviceDriver(c, "vfio-pci", path),
    host: hostPciAddress(source.address),
    id,
    bootindex: boot?.order,
    failover_pair_id: teaming?.type === "transient" ? teaming.persistent : undefined,
    ...pciPlace(c, hostdev, path),
    ...pciRom(hostdev),
  };
}

function usbDevice(c: DeviceContext, hostdev: Of<"usb">, id: string, path: string): Json {
  const { address, vendor, product, guestReset, missing } = hostdev.source;
  const number = (n: number) => String(n).padStart(3, "0");
  const place =
    address?.bus !== undefined && address.device !== undefined
      ? { hostdevice: `/dev/bus/usb/${number(address.bus)}/${number(address.device)}` }
      : // QEMU takes the first that calls itself so, also one that is plugged in later.
        { vendorid: vendor, productid: product };
  if (missing !== true && place.hostdevice === undefined && vendor === undefined)
    throw unsupported(
      `${path}/source`,
      "a USB device of the host needs its bus and number, or vendor and product",
    );
  return {
    driver: deviceDriver(c, "usb-host", path),
    ...(missing === true ? {} : place),
    id,
    bootindex: hostdev.boot?.order,
    "guest-reset": guestReset === undefined ? undefined : guestReset !== "off",
    "guest-resets-all": guestReset === undefined || guestReset === "off" ? undefined : guestReset === "on",
    ...usbPlace(c, hostdev, path),
  };
}

function scsiUnit(c: DeviceContext, { address }: Of<"scsi">, path: string): Json {
  if (address !== undefined && address.type !== "drive")
    throw unsupported(`${path}/address`, `a SCSI device cannot have an address of type ${address.type}`);
  const { controller = 0, bus = 0, target = 0, unit = 0 } = address ?? {};
  return scsiPlace(c, { controller, bus, target, unit });
}

function backendNode(id: string): string {
  return `${id}-backend`;
}

function scsiBackend(c: DeviceContext, hostdev: Of<"scsi">, id: string, path: string): DeviceParts {
  const { source, readonly } = hostdev;
  const common = { "node-name": backendNode(id), "read-only": readonly === true };
  if (source.protocol === "adapter") {
    const { bus, target, unit } = source.address;
    const filename = c.runtime.scsiGeneric(source.adapter, bus, target, unit);
    if (filename === undefined)
      throw unsupported(
        `${path}/source`,
        `this host has no SCSI device ${source.adapter}:${bus}:${target}:${unit}`,
      );
    return { blockdevs: [{ driver: "host_device", filename, ...common }] };
  }
  const [target, lun = "0"] = source.name.split("/");
  const [host] = source.hosts;
  if (host === undefined) throw unsupported(`${path}/source/host`, "iscsi needs a server");
  const secret = `${backendNode(id)}-auth`;
  const node = {
    driver: "iscsi",
    portal: hostAndPort(host, PORTS.iscsi, `${path}/source/host`),
    target,
    lun: Number(lun),
    transport: "tcp",
    user: source.auth?.username,
    "password-secret": source.auth === undefined ? undefined : secret,
    "initiator-name": source.initiator?.iqn,
    ...common,
  };
  return { objects: source.auth === undefined ? [] : [secretObject(c.runtime, secret)], blockdevs: [node] };
}

function vhostScsi(c: DeviceContext, hostdev: Of<"scsi_host">, id: string, path: string): Json {
  const fd = c.runtime.handed.get(id);
  return {
    driver: deviceDriver(c, virtioPci("vhost-scsi", hostdev.model), path),
    wwpn: hostdev.source.wwpn,
    // Without one QEMU opens /dev/vhost-scsi itself.
    vhostfd: fd === undefined ? undefined : String(fd),
    id,
    ...pciPlace(c, hostdev, path),
  };
}

function mediatedDevice(c: DeviceContext, hostdev: Of<"mdev">, id: string, path: string): Json {
  const { model, display, ramfb, source, boot } = hostdev;
  if (model !== "vfio-pci")
    throw unsupported(`${path}/@model`, `x86 has no mediated devices of model ${model}`);
  return {
    // One whose picture the firmware draws cannot be unplugged.
    driver: deviceDriver(c, ramfb === true ? "vfio-pci-nohotplug" : "vfio-pci", path),
    id,
    sysfsdev: `/sys/bus/mdev/devices/${source.uuid}`,
    display: display === undefined ? undefined : display ? "on" : "off",
    ramfb: ramfb === true ? true : undefined,
    bootindex: boot?.order,
    ...pciPlace(c, hostdev, path),
  };
}
