import { hex, int, nonEmpty, oneOf, onOff, uuid, yesNo } from "../../schema/kinds.ts";
import {
  attribute,
  attributeChild,
  child,
  defaulted,
  marker,
  maybe,
  optional,
  repeated,
  textChild,
} from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { choice, element } from "../../schema/schema.ts";
import { bootOrder, hostPciSchema, romDeviceInfo, virtioModel } from "./common.ts";
import { ipConfiguration } from "./network-parts.ts";
import { authSchema, initiator } from "./storage-source.ts";
import { teamingSchema } from "./teaming.ts";

/** By which the host hands on a PCI device. */
export const hostDriverSchema = element({
  name: maybe("name", oneOf("kvm", "vfio", "xen")),
  model: maybe("model", nonEmpty),
  iommufd: maybe("iommufd", yesNo),
});

/** What a USB device calls itself. */
export const hostUsb = {
  vendor: optional(attributeChild("vendor", "id", hex(0xffff, 4))),
  product: optional(attributeChild("product", "id", hex(0xffff, 4))),
} as const;

const usbPlace = {
  bus: maybe("bus", int()),
  device: maybe("device", int()),
  port: maybe("port", nonEmpty),
} as const;

/** A device of the host where several kinds are possible. */
export const hostAddressSchema = choice(
  "type",
  {
    pci: {
      domain: maybe("domain", hex(0xffffffff, 4)),
      bus: maybe("bus", hex(0xff, 2)),
      slot: maybe("slot", hex(0x1f, 2)),
      function: maybe("function", hex(0x7, 1)),
    },
    usb: usbPlace,
  },
  { fallback: "pci" },
);

const subsystem = {
  before: { mode: defaulted(attribute("mode", oneOf("subsystem", "capabilities")), "subsystem" as const) },
} as const;

const managed = { managed: maybe("managed", yesNo) } as const;

const rest = {
  teaming: optional(child("teaming", teamingSchema)),
  readonly: marker("readonly"),
  shareable: marker("shareable"),
  ...bootOrder,
  ...romDeviceInfo,
} as const;

/** What libvirt has to give back when the guest ends. */
const originalStates = element({
  unbind: marker("unbind"),
  removeslot: marker("removeslot"),
  reprobe: marker("reprobe"),
});

/** Devices of the host that the guest drives itself. Of mode `capabilities` are those of containers. */
export const hostdevSchema = choice(
  "type",
  {
    usb: {
      ...managed,
      source: child(
        "source",
        element({
          startupPolicy: maybe("startupPolicy", oneOf("mandatory", "requisite", "optional")),
          autoAddress: maybe("autoAddress", yesNo),
          missing: maybe("missing", yesNo),
          guestReset: maybe("guestReset", oneOf("off", "uninitialized", "on")),
          ...hostUsb,
          address: optional(child("address", element(usbPlace))),
        }),
      ),
      ...rest,
    },
    pci: {
      ...managed,
      driver: optional(child("driver", hostDriverSchema)),
      source: child(
        "source",
        element({
          writeFiltering: maybe("writeFiltering", yesNo),
          address: child("address", hostPciSchema),
          originalStates: optional(child("origstates", originalStates)),
        }),
      ),
      ...rest,
    },
    scsi: {
      ...managed,
      sgio: maybe("sgio", oneOf("filtered", "unfiltered")),
      rawio: maybe("rawio", yesNo),
      source: child(
        "source",
        choice(
          "protocol",
          {
            adapter: {
              adapter: attributeChild("adapter", "name", nonEmpty),
              address: child(
                "address",
                element({
                  bus: attribute("bus", int()),
                  target: attribute("target", int()),
                  unit: attribute("unit", int()),
                }),
              ),
            },
            iscsi: {
              name: attribute("name", nonEmpty),
              hosts: repeated(
                "host",
                element({ name: maybe("name", nonEmpty), port: maybe("port", int(0, 65535)) }),
              ),
              auth: optional(child("auth", authSchema)),
              ...initiator,
            },
          },
          { fallback: "adapter", implied: true },
        ),
      ),
      ...rest,
    },
    scsi_host: {
      ...managed,
      model: maybe("model", virtioModel),
      source: child(
        "source",
        element({ protocol: attribute("protocol", oneOf("vhost")), wwpn: attribute("wwpn", nonEmpty) }),
      ),
      ...rest,
    },
    mdev: {
      ...managed,
      model: attribute("model", oneOf("vfio-pci", "vfio-ccw", "vfio-ap")),
      display: maybe("display", onOff),
      ramfb: maybe("ramfb", onOff),
      source: child("source", element({ uuid: attributeChild("address", "uuid", uuid) })),
      ...rest,
    },
    storage: { source: child("source", element({ block: textChild("block", nonEmpty) })), ...rest },
    misc: { source: child("source", element({ char: textChild("char", nonEmpty) })), ...rest },
    net: {
      source: child("source", element({ interface: textChild("interface", nonEmpty) })),
      ...ipConfiguration,
      ...rest,
    },
  },
  subsystem,
);

export type Hostdev = ModelOf<typeof hostdevSchema>;
