import { hex, int, nonEmpty, oneOf, onOff } from "../../schema/kinds.ts";
import { amountChild, attributeChild, child, maybe, optional, textChild } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { choice, element } from "../../schema/schema.ts";
import { deviceInfo, iothreadQueues, virtioDriver, virtioModel } from "./common.ts";

const index = maybe("index", int());
const common = { index, model: maybe("model", nonEmpty) } as const;

const driver = {
  driver: optional(
    child(
      "driver",
      element({
        queues: maybe("queues", int(1)),
        cmdPerLun: maybe("cmd_per_lun", int(1)),
        maxSectors: maybe("max_sectors", int(1)),
        ioeventfd: maybe("ioeventfd", onOff),
        iothread: maybe("iothread", int(1)),
        ...virtioDriver,
        ...iothreadQueues,
      }),
    ),
  ),
} as const;

const { alias, acpiIndex, address } = deviceInfo;
const simple = { ...common, ...driver, ...deviceInfo } as const;

/** Buses that devices are plugged into. */
export const controllerSchema = choice("type", {
  usb: {
    index,
    model: maybe(
      "model",
      oneOf(
        "piix3-uhci",
        "piix4-uhci",
        "ehci",
        "ich9-ehci1",
        "ich9-uhci1",
        "ich9-uhci2",
        "ich9-uhci3",
        "vt82c686b-uhci",
        "pci-ohci",
        "nec-xhci",
        "qusb1",
        "qusb2",
        "qemu-xhci",
        "none",
      ),
    ),
    ports: maybe("ports", int(1, 15)),
    ...driver,
    alias,
    master: optional(attributeChild("master", "startport", int())),
    acpiIndex,
    address,
  },
  scsi: {
    index,
    model: maybe(
      "model",
      oneOf(
        "auto",
        "buslogic",
        "lsilogic",
        "lsisas1068",
        "vmpvscsi",
        "ibmvscsi",
        "virtio-scsi",
        "lsisas1078",
        "virtio-transitional",
        "virtio-non-transitional",
        "ncr53c90",
        "dc390",
        "am53c974",
      ),
    ),
    ...driver,
    ...deviceInfo,
  },
  sata: { ...common, ports: maybe("ports", int(1)), ...driver, ...deviceInfo },
  ide: { index, model: maybe("model", oneOf("piix3", "piix4", "ich6")), ...driver, ...deviceInfo },
  fdc: simple,
  ccid: simple,
  xenbus: {
    ...common,
    maxGrantFrames: maybe("maxGrantFrames", int()),
    maxEventChannels: maybe("maxEventChannels", int()),
    ...driver,
    ...deviceInfo,
  },
  isa: simple,
  nvme: { ...common, ...driver, serial: optional(textChild("serial", nonEmpty)), ...deviceInfo },
  "virtio-serial": {
    index,
    model: maybe("model", virtioModel),
    ports: maybe("ports", int(0)),
    vectors: maybe("vectors", int(0)),
    ...driver,
    ...deviceInfo,
  },
  pci: {
    index,
    model: maybe(
      "model",
      oneOf(
        "pci-root",
        "pcie-root",
        "pci-bridge",
        "dmi-to-pci-bridge",
        "pcie-to-pci-bridge",
        "pcie-root-port",
        "pcie-switch-upstream-port",
        "pcie-switch-downstream-port",
        "pci-expander-bus",
        "pcie-expander-bus",
      ),
    ),
    /** What the hypervisor calls the device: `ioh3420`. */
    modelName: optional(attributeChild("model", "name", nonEmpty)),
    target: optional(
      child(
        "target",
        element({
          chassisNr: maybe("chassisNr", int(0, 255)),
          chassis: maybe("chassis", int(0, 255)),
          port: maybe("port", hex(0xff, 1)),
          busNr: maybe("busNr", int(0, 254)),
          index: maybe("index", int(0, 30)),
          hotplug: maybe("hotplug", onOff),
          memReserve: maybe("memReserve", int()),
          node: optional(textChild("node", int())),
        }),
      ),
    ),
    ...driver,
    ...deviceInfo,
    /** Room for 64-bit memory of PCI devices. */
    pcihole64: optional(amountChild("pcihole64")),
  },
});

export type Controller = ModelOf<typeof controllerSchema>;
