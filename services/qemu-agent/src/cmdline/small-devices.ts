import type { Memballoon } from "@virtmesh/documents/domain/devices/memballoon";
import type { Panic } from "@virtmesh/documents/domain/devices/panic";
import type { Vsock } from "@virtmesh/documents/domain/devices/vsock";
import type { Crypto } from "@virtmesh/documents/domain/devices/crypto";
import type { Hub } from "@virtmesh/documents/domain/devices/hub";
import type { Iommu } from "@virtmesh/documents/domain/devices/iommu";
import type { Pstore } from "@virtmesh/documents/domain/devices/nvram";
import type { Json } from "./arguments.ts";
import { unsupported } from "./arguments.ts";
import { usbPlace } from "./buses.ts";
import type { BuildContext, DeviceContext } from "./context.ts";
import { deviceDriver, idOf, objectType, pciPlace, virtioDevice, virtioPci } from "./context.ts";
import type { DeviceParts } from "./parts.ts";
import { addParts } from "./parts.ts";

/** Devices with little to say. */
export function smallDeviceArguments(c: BuildContext): void {
  const { memballoons, panics, vsocks, cryptos, iommus, pstore, nvram } = c.definition.devices;
  if (memballoons.length > 1) throw unsupported("devices/memballoon[2]", "a guest has one balloon at most");
  if (nvram !== undefined)
    throw unsupported("devices/nvram", "x86 has no such memory, UEFI's variables are <nvram> in <os>");
  for (const balloon of memballoons) addParts(c.args, balloonParts(c, balloon));
  for (const [i, vsock] of vsocks.entries()) addParts(c.args, vsockParts(c, vsock, i));
  for (const [i, crypto] of cryptos.entries()) addParts(c.args, cryptoParts(c, crypto, i));
  if (pstore !== undefined) addParts(c.args, pstoreParts(c, pstore));
  for (const [i, panic] of panics.entries()) addParts(c.args, panicParts(c, panic, i));
  if (iommus.length > 1) throw unsupported("devices/iommu[2]", "a guest has one IOMMU at most");
  identityArguments(c);
}

/** Hubs come before the devices that are plugged into them. */
export function hubArguments(c: BuildContext): void {
  for (const [i, hub] of c.definition.devices.hubs.entries()) addParts(c.args, hubParts(c, hub, i));
}

/** The IOMMU comes before the devices that it confines. */
export function iommuArguments(c: BuildContext): void {
  for (const [i, iommu] of c.definition.devices.iommus.entries()) addParts(c.args, iommuParts(c, iommu, i));
}

export function balloonParts(c: DeviceContext, balloon: Memballoon): DeviceParts {
  const path = "devices/memballoon";
  if (balloon.model === "none") return {};
  if (balloon.model === "xen")
    throw unsupported(`${path}/@model`, "a balloon of model xen is not one of QEMU");
  return {
    devices: [
      {
        ...virtioDevice(c, "virtio-balloon", balloon, path),
        id: idOf(balloon, "balloon0"),
        "deflate-on-oom": balloon.autodeflate,
        "free-page-reporting": balloon.freePageReporting,
      },
    ],
  };
}

export function hubParts(c: DeviceContext, hub: Hub, index: number): DeviceParts {
  const path = `devices/hub[${index + 1}]`;
  return {
    devices: [
      { driver: deviceDriver(c, "usb-hub", path), id: idOf(hub, `hub${index}`), ...usbPlace(c, hub, path) },
    ],
  };
}

/** Sockets between guest and host; the kernel knows the guest by its number. */
export function vsockParts(c: DeviceContext, vsock: Vsock, index: number): DeviceParts {
  const path = `devices/vsock[${index + 1}]`;
  const id = idOf(vsock, `vsock${index}`);
  const cid = vsock.cid?.address;
  if (cid === undefined) throw unsupported(`${path}/cid`, "the guest needs an address from 3 on");
  const fd = c.runtime.handed.get(id);
  return {
    devices: [
      {
        ...virtioDevice(c, "vhost-vsock", vsock, path),
        id,
        "guest-cid": cid,
        vhostfd: fd === undefined ? undefined : String(fd),
      },
    ],
  };
}

export function cryptoParts(c: DeviceContext, crypto: Crypto, index: number): DeviceParts {
  const path = `devices/crypto[${index + 1}]`;
  const id = idOf(crypto, `crypto${index}`);
  const type = crypto.backend.model === "builtin" ? "cryptodev-backend-builtin" : "cryptodev-backend-lkcf";
  return {
    objects: [
      { "qom-type": objectType(c, type, `${path}/backend`), id: `obj${id}`, queues: crypto.backend.queues },
    ],
    devices: [{ ...virtioDevice(c, "virtio-crypto", crypto, path), cryptodev: `obj${id}`, id }],
  };
}

/** Where the guest's kernel leaves its last words. */
export function pstoreParts(c: DeviceContext, pstore: Pstore): DeviceParts {
  const id = idOf(pstore, "pstore0");
  const memory = {
    "qom-type": objectType(c, "memory-backend-file", "devices/pstore"),
    id: `mem${id}`,
    "mem-path": pstore.path,
    size: pstore.size,
    share: true,
  };
  return {
    objects: [memory],
    devices: [
      {
        driver: deviceDriver(c, "acpi-erst", "devices/pstore"),
        id,
        memdev: `mem${id}`,
        ...pciPlace(c, pstore, "devices/pstore"),
      },
    ],
  };
}

export function panicParts(c: DeviceContext, panic: Panic, index: number): DeviceParts {
  const path = `devices/panic[${index + 1}]`;
  const { model = "isa", address } = panic;
  switch (model) {
    case "isa": {
      const ioport = address?.type === "isa" ? address.iobase : undefined;
      return { devices: [{ driver: deviceDriver(c, "pvpanic", path), ioport }] };
    }
    case "pvpanic":
      return {
        devices: [
          {
            driver: deviceDriver(c, "pvpanic-pci", path),
            id: idOf(panic, `panic${index}`),
            ...pciPlace(c, panic, path),
          },
        ],
      };
    case "hyperv":
      // A property of the CPU.
      return {};
    case "pseries":
    case "s390":
      throw unsupported(`${path}/@model`, `x86 has no panic device of model ${model}`);
  }
}

export function iommuParts(c: DeviceContext, iommu: Iommu, index: number): DeviceParts {
  const path = `devices/iommu[${index + 1}]`;
  const { driver } = iommu;
  const id = idOf(iommu, `iommu${index}`);
  const onOff = (value: boolean | undefined) => (value === undefined ? undefined : value ? "on" : "off");
  switch (iommu.model) {
    case "intel": {
      if (c.board !== "q35") throw unsupported(`${path}/@model`, "only q35 has an IOMMU of Intel");
      const device: Json = {
        driver: deviceDriver(c, "intel-iommu", path),
        id,
        intremap: onOff(driver?.intremap),
        "caching-mode": driver?.cachingMode,
        eim: onOff(driver?.eim),
        "device-iotlb": driver?.iotlb,
        "aw-bits": driver?.awBits,
        "dma-translation": driver?.dmaTranslation,
      };
      return { devices: [device] };
    }
    case "amd":
      if (c.board !== "q35") throw unsupported(`${path}/@model`, "only q35 has an IOMMU of AMD");
      return {
        devices: [
          {
            driver: deviceDriver(c, "amd-iommu", path),
            id,
            intremap: onOff(driver?.intremap),
            "device-iotlb": driver?.iotlb,
          },
        ],
      };
    case "virtio":
      return {
        devices: [
          {
            driver: deviceDriver(c, virtioPci("virtio-iommu", undefined), path),
            id,
            ...pciPlace(c, iommu, path),
          },
        ],
      };
    case "smmuv3":
    case "smmuv3Dev":
      throw unsupported(`${path}/@model`, `x86 has no IOMMU of model ${iommu.model}`);
  }
}

/** What tells the guest that its state was set back, and who may dump its kernel. */
function identityArguments(c: BuildContext): void {
  const { genid, features } = c.definition;
  if (genid !== undefined) {
    if (genid.uuid === undefined) throw unsupported("genid", "the number of the generation was not made up");
    c.args.json("-device", { driver: deviceDriver(c, "vmgenid", "genid"), guid: genid.uuid, id: "vmgenid0" });
  }
  if (features?.vmcoreinfo !== undefined && features.vmcoreinfo.state !== false) {
    c.args.json("-device", {
      driver: deviceDriver(c, "vmcoreinfo", "features/vmcoreinfo"),
      id: "vmcoreinfo0",
    });
  }
}
