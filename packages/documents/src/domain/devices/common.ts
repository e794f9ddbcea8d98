import { bigHex, hex, int, nonEmpty, oneOf, onOff, pattern, text, yesNo } from "../../schema/kinds.ts";
import {
  attribute,
  attributeChild,
  child,
  defaulted,
  listChild,
  maybe,
  optional,
  repeated,
  textChild,
} from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { choice, element } from "../../schema/schema.ts";

const pciPlace = {
  domain: maybe("domain", hex(0xffffffff, 4)),
  bus: maybe("bus", hex(0xff, 2)),
  slot: maybe("slot", hex(0x1f, 2)),
  function: maybe("function", hex(0x7, 1)),
} as const;

/** A PCI device of the host; libvirt leaves out `type` where nothing else is possible. */
export const hostPciSchema = element(pciPlace);

const usbPort = pattern("ports such as 1.2.4", /^\d+(\.\d+){0,3}$/);

/** Where a device sits in the guest's hardware. Without numbers libvirt takes it as "assign one of that kind". */
export const addressSchema = choice("type", {
  pci: {
    ...pciPlace,
    multifunction: maybe("multifunction", onOff),
    /** What s390 calls the device besides. */
    zpci: optional(
      child("zpci", element({ uid: maybe("uid", hex(0xffff, 4)), fid: maybe("fid", hex(0xffffffff, 8)) })),
    ),
  },
  drive: {
    controller: defaulted(attribute("controller", int()), 0),
    bus: defaulted(attribute("bus", int()), 0),
    target: defaulted(attribute("target", int()), 0),
    unit: defaulted(attribute("unit", int()), 0),
  },
  "virtio-serial": {
    controller: defaulted(attribute("controller", int()), 0),
    bus: defaulted(attribute("bus", int()), 0),
    port: maybe("port", int()),
  },
  usb: { bus: defaulted(attribute("bus", int()), 0), port: maybe("port", usbPort) },
  isa: { iobase: maybe("iobase", hex(0xffff, 3)), irq: maybe("irq", hex(0xff, 1)) },
  ccid: {
    controller: defaulted(attribute("controller", int()), 0),
    slot: defaulted(attribute("slot", int()), 0),
  },
  ccw: {
    cssid: maybe("cssid", hex(0xfe, 1)),
    ssid: maybe("ssid", hex(0x3, 1)),
    devno: maybe("devno", hex(0xffff, 4)),
  },
  "spapr-vio": { reg: maybe("reg", bigHex(8, 0xffffffffn)) },
  dimm: { slot: maybe("slot", int()), base: maybe("base", bigHex(1)) },
  "virtio-s390": {},
  "virtio-mmio": {},
  unassigned: {},
});

/** What every device can have besides what it is; libvirt writes these last. */
export const deviceInfo = {
  alias: optional(attributeChild("alias", "name", nonEmpty)),
  /** The number by which the guest's firmware names the device. */
  acpiIndex: optional(attributeChild("acpi", "index", int(1))),
  address: optional(child("address", addressSchema)),
} as const;

/** The firmware that a PCI card brings. */
const rom = optional(
  child(
    "rom",
    element({ enabled: maybe("enabled", yesNo), bar: maybe("bar", onOff), file: maybe("file", nonEmpty) }),
  ),
);

/** As `deviceInfo`, for cards that bring firmware of their own. */
export const romDeviceInfo = {
  alias: deviceInfo.alias,
  rom,
  acpiIndex: deviceInfo.acpiIndex,
  address: deviceInfo.address,
} as const;

/** Order in which the firmware tries a device, from 1. */
export const bootOrder = {
  boot: optional(
    child("boot", element({ order: attribute("order", int(1)), loadparm: maybe("loadparm", nonEmpty) })),
  ),
} as const;

/** Options of virtio devices, attributes of their `<driver>`. */
export const virtioDriver = {
  iommu: maybe("iommu", onOff),
  ats: maybe("ats", onOff),
  packed: maybe("packed", onOff),
  pagePerVq: maybe("page_per_vq", onOff),
} as const;

/** Which I/O thread serves which of a device's queues. */
export const iothreadQueues = {
  iothreads: optional(
    listChild(
      "iothreads",
      "iothread",
      element({
        id: attribute("id", int(1)),
        queues: repeated("queue", element({ id: attribute("id", int()) })),
      }),
    ),
  ),
} as const;

export const virtioDriverChild = { driver: optional(child("driver", element(virtioDriver))) } as const;

/** The three forms in which QEMU offers virtio devices on PCI. */
export const virtioModel = oneOf("virtio", "virtio-transitional", "virtio-non-transitional");

/** The domain of Xen whose kernel drives the device. */
export const backendDomain = {
  backendDomain: optional(attributeChild("backenddomain", "name", nonEmpty)),
} as const;

/** The security label of one file or device. */
export const sourceLabelSchema = element({
  model: maybe("model", nonEmpty),
  labelskip: maybe("labelskip", yesNo),
  relabel: maybe("relabel", yesNo),
  label: optional(textChild("label", text)),
});

/** A guest's `<audio>` that the device plays through. */
export const audioReference = { audio: optional(attributeChild("audio", "id", int(1))) } as const;

export type Address = ModelOf<typeof addressSchema>;
export type PciAddress = Extract<Address, { readonly type: "pci" }>;
