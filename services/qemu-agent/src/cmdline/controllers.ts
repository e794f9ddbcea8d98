import type { Controller } from "@virtmesh/documents/domain/devices/controller";
import { busOf } from "@virtmesh/documents/domain/devices/disk";
import type { Json } from "./arguments.ts";
import { unsupported } from "./arguments.ts";
import { busOwner, controllerId, usbPlace } from "./buses.ts";
import type { BuildContext, DeviceContext } from "./context.ts";
import { deviceDriver, pciPlace, virtioPci, virtioProperties } from "./context.ts";
import { diskDrivePlace } from "./drive-places.ts";
import { iothreadId } from "./iothreads.ts";
import type { DeviceParts } from "./parts.ts";
import { addParts } from "./parts.ts";

type Of<T extends Controller["type"]> = Extract<Controller, { readonly type: T }>;

/** -device of every controller that the board does not have already, but card readers. */
export function controllerArguments(c: BuildContext): void {
  const { controllers } = c.definition.devices;
  // Others may sit on the bridges.
  const inOrder = [
    ...controllers.filter((a) => a.type === "pci"),
    ...controllers.filter((a) => a.type !== "pci" && a.type !== "ccid"),
  ];
  for (const controller of inOrder) {
    if (controller.type === "pci" && controller.pcihole64 !== undefined) pciHole(c, controller);
    if (controller.type === "pci" && isRoot(c, controller)) rootHotplug(c, controller);
    addParts(
      c.args,
      controllerParts(c, controller, `devices/controller[${controllers.indexOf(controller) + 1}]`),
    );
  }
}

/** Readers of smart cards, which are plugged into USB and its hubs. */
export function cardReaderArguments(c: BuildContext): void {
  for (const [i, controller] of c.definition.devices.controllers.entries()) {
    if (controller.type === "ccid")
      addParts(c.args, controllerParts(c, controller, `devices/controller[${i + 1}]`));
  }
}

/** One controller; nothing for those of the board. */
export function controllerParts(c: DeviceContext, controller: Controller, path: string): DeviceParts {
  const device = controllerDevice(c, controller, path);
  return device === undefined ? {} : { devices: [device] };
}

function controllerDevice(c: DeviceContext, controller: Controller, path: string): Json | undefined {
  switch (controller.type) {
    case "pci":
      return pciController(c, controller, path);
    case "usb":
      return usbController(c, controller, path);
    case "scsi":
      return scsiController(c, controller, path);
    case "sata":
      return sataController(c, controller, path);
    case "virtio-serial":
      return virtioSerialController(c, controller, path);
    case "ccid":
      return {
        driver: deviceDriver(c, "usb-ccid", path),
        id: controllerId(controller),
        ...usbPlace(c, controller, path),
      };
    case "ide":
      // PIIX3 has the one with index 0.
      if (c.board !== "pc" || (controller.index ?? 0) !== 0) {
        throw unsupported(path, "only the pc machine has an IDE controller, and one only; use sata");
      }
      return undefined;
    case "fdc":
      if (c.board === "pc") return undefined;
      return { driver: deviceDriver(c, "isa-fdc", path), id: controllerId(controller), ...floppyOrder(c) };
    case "isa":
      return undefined;
    case "xenbus":
    case "nvme":
      throw unsupported(path, `a controller of type ${controller.type} is not supported`);
  }
}

/** What a PCI controller is in QEMU when the document does not say. */
const PCI_DRIVERS: ReadonlyMap<string, string> = new Map([
  ["pcie-root-port", "pcie-root-port"],
  ["pcie-switch-upstream-port", "x3130-upstream"],
  ["pcie-switch-downstream-port", "xio3130-downstream"],
  ["pcie-to-pci-bridge", "pcie-pci-bridge"],
  ["dmi-to-pci-bridge", "i82801b11-bridge"],
  ["pci-bridge", "pci-bridge"],
  ["pci-expander-bus", "pxb"],
  ["pcie-expander-bus", "pxb-pcie"],
]);

function isRoot({ board }: DeviceContext, { model, index }: Of<"pci">): boolean {
  return model === (board === "q35" ? "pcie-root" : "pci-root") && (index ?? 0) === 0;
}

function pciController(c: DeviceContext, controller: Of<"pci">, path: string): Json | undefined {
  const { model, index, target } = controller;
  if (isRoot(c, controller)) return undefined;
  const usual = model === undefined ? undefined : PCI_DRIVERS.get(model);
  if (usual === undefined)
    throw unsupported(`${path}/@model`, `a PCI controller of model ${model} does not fit ${c.board}`);
  if (index === undefined) throw unsupported(`${path}/@index`, "a PCI controller needs an index");
  const port = model === "pcie-root-port" || model === "pcie-switch-downstream-port";
  const expander = model === "pci-expander-bus" || model === "pcie-expander-bus";
  if (target?.memReserve !== undefined)
    throw unsupported(`${path}/target/@memReserve`, "reserved memory of a port is not supported");
  return {
    driver: deviceDriver(c, controller.modelName ?? usual, path),
    id: controllerId(controller),
    chassis: port ? (target?.chassis ?? index) : undefined,
    port: port ? (target?.port ?? index) : undefined,
    chassis_nr: model === "pci-bridge" ? (target?.chassisNr ?? index) : undefined,
    bus_nr: expander ? target?.busNr : undefined,
    numa_node: expander ? target?.node : undefined,
    hotplug: port ? target?.hotplug : undefined,
    ...pciPlace(c, controller, path),
  };
}

/** Room for 64-bit memory of PCI devices is a property of the host bridge. */
function pciHole(c: BuildContext, { pcihole64 = 0n }: Of<"pci">): void {
  const driver = c.board === "q35" ? "q35-pcihost" : "i440FX-pcihost";
  c.args.options("-global", undefined, {
    driver,
    property: "pci-hole64-size",
    value: `${pcihole64 / 1024n}K`,
  });
}

/** Whether devices can be plugged into the root bus of pc is a property of its power management. */
function rootHotplug(c: BuildContext, { target }: Of<"pci">): void {
  if (c.board !== "pc" || target?.hotplug === undefined) return;
  const value = target.hotplug ? "on" : "off";
  c.args.options("-global", undefined, { driver: "PIIX4_PM", property: "acpi-root-pci-hotplug", value });
}

const USB_DRIVERS: Readonly<Record<Exclude<NonNullable<Of<"usb">["model"]>, "none">, string>> = {
  "qemu-xhci": "qemu-xhci",
  "nec-xhci": "nec-usb-xhci",
  ehci: "usb-ehci",
  "pci-ohci": "pci-ohci",
  "piix3-uhci": "piix3-usb-uhci",
  "piix4-uhci": "piix4-usb-uhci",
  "vt82c686b-uhci": "vt82c686b-usb-uhci",
  "ich9-ehci1": "ich9-usb-ehci1",
  "ich9-uhci1": "ich9-usb-uhci1",
  "ich9-uhci2": "ich9-usb-uhci2",
  "ich9-uhci3": "ich9-usb-uhci3",
  // Of Xen.
  qusb1: "qusb1",
  qusb2: "qusb2",
};

function usbController(c: DeviceContext, controller: Of<"usb">, path: string): Json | undefined {
  const { model = "qemu-xhci", index = 0, ports, master } = controller;
  if (model === "none") return undefined;
  const xhci = model.endsWith("xhci");
  return {
    driver: deviceDriver(c, USB_DRIVERS[model], `${path}/@model`),
    // Companions serve the slow devices of another controller's bus and have none of their own.
    id: master === undefined ? controllerId(controller) : undefined,
    masterbus: master === undefined ? undefined : `${busOwner(c, "usb", index)}.0`,
    firstport: master,
    p2: xhci ? ports : undefined,
    p3: xhci ? ports : undefined,
    ...pciPlace(c, controller, path),
  };
}

/** Adapters that are not virtio's. */
const SCSI_DRIVERS: ReadonlyMap<string, string> = new Map([
  ["lsilogic", "lsi53c895a"],
  ["lsisas1068", "mptsas1068"],
  ["lsisas1078", "megasas"],
  ["vmpvscsi", "pvscsi"],
  ["am53c974", "am53c974"],
  ["dc390", "dc-390"],
]);

/** On these a disk is named by `scsi-id` alone. */
const NARROW_SCSI = new Set(["lsilogic", "ncr53c90", "dc390", "am53c974"]);

/** Whether disks on that SCSI controller have a target and a unit, as opposed to a unit only. */
export function isWideScsi(controller: Controller | undefined): boolean {
  return controller?.model === undefined || !NARROW_SCSI.has(controller.model);
}

function scsiController(c: DeviceContext, controller: Of<"scsi">, path: string): Json {
  const { model = "virtio-scsi", driver } = controller;
  const virtio = ["virtio-scsi", "virtio-transitional", "virtio-non-transitional", "auto"].includes(model);
  const name = virtio ? virtioPci("virtio-scsi", model) : SCSI_DRIVERS.get(model);
  if (name === undefined)
    throw unsupported(`${path}/@model`, `a SCSI controller of model ${model} is not supported`);
  if (!virtio && driver !== undefined) throw unsupported(`${path}/driver`, `${model} has no options`);
  return {
    driver: deviceDriver(c, name, path),
    id: controllerId(controller),
    num_queues: driver?.queues,
    cmd_per_lun: driver?.cmdPerLun,
    max_sectors: driver?.maxSectors,
    ioeventfd: driver?.ioeventfd,
    iothread: driver?.iothread === undefined ? undefined : iothreadId(c, driver.iothread, path),
    ...virtioProperties(driver),
    ...pciPlace(c, controller, path),
  };
}

function sataController(c: DeviceContext, controller: Of<"sata">, path: string): Json | undefined {
  if (c.board === "q35" && (controller.index ?? 0) === 0) return undefined;
  return {
    driver: deviceDriver(c, "ich9-ahci", path),
    id: controllerId(controller),
    ...pciPlace(c, controller, path),
  };
}

function virtioSerialController(c: DeviceContext, controller: Of<"virtio-serial">, path: string): Json {
  return {
    driver: deviceDriver(c, virtioPci("virtio-serial", controller.model), path),
    id: controllerId(controller),
    max_ports: controller.ports,
    vectors: controller.vectors,
    ...virtioProperties(controller.driver),
    ...pciPlace(c, controller, path),
  };
}

/** A floppy's place in the boot order is a property of its controller. */
function floppyOrder({ definition, boot }: DeviceContext): Json {
  const order = (unit: number) => {
    const disk = definition.devices.disks.find((d) => busOf(d) === "fdc" && diskDrivePlace(d).unit === unit);
    return disk === undefined ? undefined : boot.get(disk);
  };
  return { bootindexA: order(0), bootindexB: order(1) };
}
