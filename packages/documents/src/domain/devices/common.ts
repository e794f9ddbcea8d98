import { hex, int, nonEmpty, onOff, text, yesNo } from "../../schema/kinds.ts";
import { attribute, attributeChild, child, defaulted, kept, maybe, optional } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { choice, element } from "../../schema/schema.ts";

/** Where a device sits in the guest's hardware. Without numbers libvirt takes it as "assign one of that kind". */
export const addressSchema = choice("type", {
  pci: {
    domain: maybe("domain", hex(0xffff, 4)),
    bus: maybe("bus", hex(0xff, 2)),
    slot: maybe("slot", hex(0x1f, 2)),
    function: maybe("function", hex(0x7, 1)),
    multifunction: maybe("multifunction", onOff),
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
  usb: { bus: defaulted(attribute("bus", int()), 0), port: maybe("port", nonEmpty) },
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
  "spapr-vio": { reg: maybe("reg", hex(0xffffffff, 8)) },
  "virtio-mmio": {},
  unassigned: {},
});

/** What every device can have besides what it is; libvirt writes these last. */
export const deviceInfo = {
  alias: optional(attributeChild("alias", "name", nonEmpty)),
  rom: optional(
    child(
      "rom",
      element({ enabled: maybe("enabled", yesNo), bar: maybe("bar", onOff), file: maybe("file", text) }),
    ),
  ),
  acpi: kept("acpi"),
  address: optional(child("address", addressSchema)),
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

export const virtioDriverChild = { driver: optional(child("driver", element(virtioDriver))) } as const;

export type Address = ModelOf<typeof addressSchema>;
export type PciAddress = Extract<Address, { readonly type: "pci" }>;
