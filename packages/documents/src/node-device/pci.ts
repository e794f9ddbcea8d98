import { hex, int, nonEmpty, oneOf, pattern, text } from "../schema/kinds.ts";
import { attribute, child, maybe, optional, ownText, repeated, textChild } from "../schema/parts.ts";
import { choice, element } from "../schema/schema.ts";
import { variantChild } from "../schema/variants.ts";

const addresses = repeated(
  "address",
  element({
    domain: attribute("domain", hex(0xffffffff, 4)),
    bus: attribute("bus", hex(0xff, 2)),
    slot: attribute("slot", hex(0x1f, 2)),
    function: attribute("function", hex(0x7, 1)),
  }),
);

/** Maker or product of a PCI or USB device: the number, and its name in the host's list. */
export const identity = (name: string) =>
  child(name, element({ id: attribute("id", hex(0xffff, 4)), name: optional(ownText(nonEmpty)) }));

/** Kinds of mediated devices that can be made of a device. */
export const mediatedTypes = {
  mediatedTypes: optional(
    variantChild("capability", "type", "mdev_types", {
      types: repeated(
        "type",
        element({
          id: attribute("id", nonEmpty),
          name: optional(textChild("name", text)),
          deviceApi: textChild("deviceAPI", oneOf("vfio-pci", "vfio-ccw", "vfio-ap")),
          availableInstances: textChild("availableInstances", int()),
        }),
      ),
    }),
  ),
} as const;

/** One of letters and digits, in vital product data of makers and owners. */
const index = attribute("index", pattern("one digit or capital letter", /^[0-9A-Z]$/));
const indexed = (name: string) => repeated(name, element({ index, value: ownText(text) }));

/** What is written into the device itself. */
const vitalProductData = variantChild("capability", "type", "vpd", {
  name: textChild("name", text),
  readonly: optional(
    variantChild("fields", "access", "readonly", {
      changeLevel: optional(textChild("change_level", text)),
      manufactureId: optional(textChild("manufacture_id", text)),
      partNumber: optional(textChild("part_number", text)),
      serialNumber: optional(textChild("serial_number", text)),
      vendorFields: indexed("vendor_field"),
    }),
  ),
  readwrite: optional(
    variantChild("fields", "access", "readwrite", {
      assetTag: optional(textChild("asset_tag", text)),
      vendorFields: indexed("vendor_field"),
      systemFields: indexed("system_field"),
    }),
  ),
});

const link = choice("validity", {
  /** What the device could do. */
  cap: {
    port: maybe("port", int()),
    speed: maybe("speed", pattern("GT/s such as 2.5", /^\d+(\.\d+)?$/)),
    width: attribute("width", int()),
  },
  /** What it does. */
  sta: {
    speed: maybe("speed", pattern("GT/s such as 2.5", /^\d+(\.\d+)?$/)),
    width: attribute("width", int()),
  },
});

export const pciCapability = {
  class: optional(textChild("class", hex(0xffffff, 6))),
  domain: textChild("domain", int()),
  bus: textChild("bus", int()),
  slot: textChild("slot", int()),
  function: textChild("function", int()),
  product: identity("product"),
  vendor: identity("vendor"),
  physicalFunction: optional(variantChild("capability", "type", "phys_function", { addresses })),
  virtualFunctions: optional(
    variantChild("capability", "type", "virt_functions", { maxCount: maybe("maxCount", int()), addresses }),
  ),
  pciBridge: optional(variantChild("capability", "type", "pci-bridge", {})),
  cardbusBridge: optional(variantChild("capability", "type", "cardbus-bridge", {})),
  ...mediatedTypes,
  vitalProductData: optional(vitalProductData),
  /** Devices that only go to a guest together. */
  iommuGroup: optional(child("iommuGroup", element({ number: attribute("number", int()), addresses }))),
  numa: optional(child("numa", element({ node: maybe("node", int(-1)) }))),
  express: optional(child("pci-express", element({ links: repeated("link", link) }))),
} as const;
