import type { Controller } from "@virtmesh/documents/domain/devices/controller";
import { busOf } from "@virtmesh/documents/domain/devices/disk";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { unsupported } from "./arguments.ts";
import type { BuildContext } from "./context.ts";
import { deviceDriver, virtioPci, virtioProperties } from "./context.ts";
import type { Board } from "./pci.ts";
import { diskDrivePlace } from "./drive-places.ts";

type Of<T extends Controller["type"]> = Extract<Controller, { readonly type: T }>;

/**
 * The controllers of a definition and, behind them, those that its devices need and nobody wrote down. PCI
 * bridges come first: the others may sit on them.
 */
export function allControllers(definition: DomainDefinition, board: Board): readonly Controller[] {
  const { controllers } = definition.devices;
  const has = (type: Controller["type"], index: number) =>
    controllers.some((c) => c.type === type && (c.index ?? 0) === index);
  const implied: Controller[] = [];
  if (needsUsb(definition) && !has("usb", 0)) implied.push({ type: "usb", index: 0, model: "qemu-xhci" });
  const scsi = indexesOf(definition, "scsi").filter((index) => !has("scsi", index));
  implied.push(...scsi.map((index): Controller => ({ type: "scsi", index, model: "virtio-scsi" })));
  const builtIn = (index: number) => board === "q35" && index === 0;
  const sata = indexesOf(definition, "sata").filter((index) => !has("sata", index) && !builtIn(index));
  implied.push(...sata.map((index): Controller => ({ type: "sata", index })));
  if (needsVirtioSerial(definition) && !has("virtio-serial", 0))
    implied.push({ type: "virtio-serial", index: 0 });
  const bridges = controllers.filter((c) => c.type === "pci");
  return [...bridges, ...controllers.filter((c) => c.type !== "pci"), ...implied];
}

function needsUsb({ devices }: DomainDefinition): boolean {
  return (
    devices.disks.some((d) => busOf(d) === "usb") ||
    devices.inputs.some((i) => i.bus === "usb" || (i.bus === undefined && i.type === "tablet")) ||
    devices.serials.some((s) => s.target?.type === "usb-serial")
  );
}

function needsVirtioSerial({ devices }: DomainDefinition): boolean {
  return (
    devices.channels.some((c) => c.target.type === "virtio") ||
    devices.consoles.some((c) => c.target?.type === "virtio")
  );
}

function indexesOf({ devices }: DomainDefinition, bus: "scsi" | "sata"): readonly number[] {
  const disks = devices.disks.filter((d) => busOf(d) === bus);
  return [...new Set(disks.map((d) => diskDrivePlace(d).controller))].toSorted((a, b) => a - b);
}

/** -device of every controller that the board does not have already. */
export function controllerArguments(c: BuildContext): void {
  for (const [i, controller] of allControllers(c.definition, c.board).entries()) {
    const path = `devices/controller[${i + 1}]`;
    switch (controller.type) {
      case "pci":
        pciController(c, controller, path);
        break;
      case "usb":
        usbController(c, controller, path);
        break;
      case "scsi":
        scsiController(c, controller, path);
        break;
      case "sata":
        sataController(c, controller, path);
        break;
      case "virtio-serial":
        virtioSerialController(c, controller, path);
        break;
      case "ide":
        // PIIX3 has the one with index 0.
        if (c.board !== "pc" || (controller.index ?? 0) !== 0) {
          throw unsupported(path, "only the pc machine has an IDE controller, and one only; use sata");
        }
        break;
      case "fdc":
        if (c.board !== "pc") throw unsupported(path, "only the pc machine has a floppy controller");
        break;
      case "isa":
        break;
      case "ccid":
      case "xenbus":
      case "nvme":
        throw unsupported(path, `a controller of type ${controller.type} is not supported`);
    }
  }
}

const PCI_DRIVERS: ReadonlyMap<string, string> = new Map([
  ["pcie-root-port", "pcie-root-port"],
  ["pcie-switch-upstream-port", "x3130-upstream"],
  ["pcie-switch-downstream-port", "xio3130-downstream"],
  ["pcie-to-pci-bridge", "pcie-pci-bridge"],
  ["dmi-to-pci-bridge", "i82801b11-bridge"],
  ["pci-bridge", "pci-bridge"],
]);

function pciController(c: BuildContext, controller: Of<"pci">, path: string): void {
  const { model, index, target } = controller;
  const root = c.board === "q35" ? "pcie-root" : "pci-root";
  if (model === root && (index ?? 0) === 0) return;
  const driver = model === undefined ? undefined : PCI_DRIVERS.get(model);
  if (driver === undefined)
    throw unsupported(`${path}/@model`, `a PCI controller of model ${model} does not fit ${c.board}`);
  if (index === undefined) throw unsupported(`${path}/@index`, "a PCI controller needs an index");
  if (target?.busNr !== undefined || target?.index !== undefined) {
    throw unsupported(`${path}/target`, "expander buses are not supported");
  }
  const port = model === "pcie-root-port" || model === "pcie-switch-downstream-port";
  c.args.json("-device", {
    driver: deviceDriver(c, driver, path),
    id: `pci.${index}`,
    chassis: port ? (target?.chassis ?? index) : undefined,
    port: port ? (target?.port ?? index) : undefined,
    chassis_nr: model === "pci-bridge" ? (target?.chassisNr ?? index) : undefined,
    hotplug: target?.hotplug,
    ...c.pci.place(controller.address, path),
  });
}

const USB_DRIVERS: ReadonlyMap<string, string> = new Map([
  ["qemu-xhci", "qemu-xhci"],
  ["nec-xhci", "nec-usb-xhci"],
  ["ehci", "usb-ehci"],
  ["pci-ohci", "pci-ohci"],
  ["piix3-uhci", "piix3-usb-uhci"],
  ["piix4-uhci", "piix4-usb-uhci"],
  ["ich9-ehci1", "ich9-usb-ehci1"],
  ["ich9-uhci1", "ich9-usb-uhci1"],
  ["ich9-uhci2", "ich9-usb-uhci2"],
  ["ich9-uhci3", "ich9-usb-uhci3"],
]);

/** Id of a USB controller; its bus is `<id>.0`. */
export function usbId(index: number): string {
  return index === 0 ? "usb" : `usb${index}`;
}

function usbController(c: BuildContext, controller: Of<"usb">, path: string): void {
  const { model = "qemu-xhci", index = 0, ports, master } = controller;
  if (model === "none") return;
  const driver = USB_DRIVERS.get(model);
  if (driver === undefined)
    throw unsupported(`${path}/@model`, `a USB controller of model ${model} is not supported`);
  const xhci = model.endsWith("xhci");
  c.args.json("-device", {
    driver: deviceDriver(c, driver, path),
    // Companions serve the slow devices of another controller's bus and have none of their own.
    id: master === undefined ? usbId(index) : undefined,
    masterbus: master === undefined ? undefined : `${usbId(index)}.0`,
    firstport: master,
    p2: xhci ? ports : undefined,
    p3: xhci ? ports : undefined,
    ...c.pci.place(controller.address, path),
  });
}

/** Adapters on which a disk is named by `scsi-id` alone. */
const NARROW_SCSI: ReadonlyMap<string, string> = new Map([
  ["lsilogic", "lsi53c895a"],
  ["lsisas1068", "mptsas1068"],
  ["vmpvscsi", "pvscsi"],
]);

/** Whether disks on that SCSI controller have a target and a unit, as opposed to a unit only. */
export function isWideScsi(controller: Controller | undefined): boolean {
  return controller?.model === undefined || !NARROW_SCSI.has(controller.model);
}

function scsiController(c: BuildContext, controller: Of<"scsi">, path: string): void {
  const { model = "virtio-scsi", index = 0, driver } = controller;
  const virtio = ["virtio-scsi", "virtio-transitional", "virtio-non-transitional", "auto"].includes(model);
  const name = virtio ? virtioPci("virtio-scsi", model) : NARROW_SCSI.get(model);
  if (name === undefined)
    throw unsupported(`${path}/@model`, `a SCSI controller of model ${model} is not supported`);
  if (!virtio && driver !== undefined) throw unsupported(`${path}/driver`, `${model} has no options`);
  c.args.json("-device", {
    driver: deviceDriver(c, name, path),
    id: `scsi${index}`,
    num_queues: driver?.queues,
    cmd_per_lun: driver?.cmdPerLun,
    max_sectors: driver?.maxSectors,
    ioeventfd: driver?.ioeventfd,
    iothread: driver?.iothread === undefined ? undefined : iothreadId(c, driver.iothread, path),
    ...virtioProperties(driver),
    ...c.pci.place(controller.address, path),
  });
}

/** Id of the I/O thread of that number. */
export function iothreadId({ definition }: BuildContext, n: number, path: string): string {
  if (n > (definition.iothreads ?? 0)) {
    throw unsupported(
      `${path}/driver/@iothread`,
      `there is no I/O thread ${n}, <iothreads> is ${definition.iothreads ?? 0}`,
    );
  }
  return `iothread${n}`;
}

function sataController(c: BuildContext, controller: Of<"sata">, path: string): void {
  const { index = 0 } = controller;
  if (c.board === "q35" && index === 0) return;
  c.args.json("-device", {
    driver: deviceDriver(c, "ich9-ahci", path),
    id: `sata${index}`,
    ...c.pci.place(controller.address, path),
  });
}

function virtioSerialController(c: BuildContext, controller: Of<"virtio-serial">, path: string): void {
  c.args.json("-device", {
    driver: deviceDriver(c, virtioPci("virtio-serial", controller.model), path),
    id: `virtio-serial${controller.index ?? 0}`,
    max_ports: controller.ports,
    vectors: controller.vectors,
    ...virtioProperties(controller.driver),
    ...c.pci.place(controller.address, path),
  });
}
