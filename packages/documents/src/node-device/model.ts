import { hex, int, mac, nonEmpty, oneOf, pattern, text, uuid } from "../schema/kinds.ts";
import {
  attribute,
  attributeChild,
  child,
  maybe,
  optional,
  ownText,
  repeated,
  textChild,
} from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { choice, element } from "../schema/schema.ts";
import { variantChild } from "../schema/variants.ts";
import { identity, mediatedTypes, pciCapability } from "./pci.ts";

const wwn = pattern("16 hexadecimal digits", /^(0x)?[0-9a-fA-F]{16}$/);

const blocks = {
  logicalBlockSize: optional(textChild("logical_block_size", int())),
  blockCount: optional(textChild("num_blocks", int())),
} as const;

/** Numbers of a channel device of s390. */
const ccwAddress = {
  cssid: textChild("cssid", hex(0xfe, 1)),
  ssid: textChild("ssid", hex(0x3, 1)),
  devno: textChild("devno", hex(0xffff, 4)),
} as const;

const adapter = textChild("ap-adapter", hex(0xff, 2));

const capability = choice("type", {
  system: {
    product: optional(textChild("product", text)),
    hardware: child(
      "hardware",
      element({
        vendor: optional(textChild("vendor", text)),
        version: optional(textChild("version", text)),
        serial: optional(textChild("serial", text)),
        uuid: textChild("uuid", uuid),
      }),
    ),
    firmware: child(
      "firmware",
      element({
        vendor: optional(textChild("vendor", text)),
        version: optional(textChild("version", text)),
        releaseDate: optional(textChild("release_date", text)),
      }),
    ),
  },
  pci: pciCapability,
  usb_device: {
    bus: textChild("bus", int()),
    device: textChild("device", int()),
    product: identity("product"),
    vendor: identity("vendor"),
  },
  usb: {
    number: textChild("number", int()),
    class: textChild("class", int()),
    subclass: textChild("subclass", int()),
    protocol: textChild("protocol", int()),
    description: optional(textChild("description", text)),
  },
  net: {
    interface: textChild("interface", nonEmpty),
    address: optional(textChild("address", mac)),
    link: optional(
      child(
        "link",
        element({
          speed: maybe("speed", int()),
          state: maybe(
            "state",
            oneOf("unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"),
          ),
        }),
      ),
    ),
    features: repeated("feature", element({ name: attribute("name", nonEmpty) })),
    kinds: repeated("capability", element({ type: attribute("type", oneOf("80203", "80211")) })),
  },
  scsi_generic: { char: textChild("char", nonEmpty) },
  scsi_host: {
    host: textChild("host", int()),
    uniqueId: optional(textChild("unique_id", int())),
    fibreChannel: optional(
      variantChild("capability", "type", "fc_host", {
        wwnn: textChild("wwnn", wwn),
        wwpn: textChild("wwpn", wwn),
        fabricWwn: optional(textChild("fabric_wwn", wwn)),
      }),
    ),
    virtualPorts: optional(
      variantChild("capability", "type", "vport_ops", {
        max: optional(textChild("max_vports", int())),
        count: optional(textChild("vports", int())),
      }),
    ),
  },
  scsi_target: {
    target: textChild("target", nonEmpty),
    remotePort: optional(
      variantChild("capability", "type", "fc_remote_port", {
        name: textChild("rport", nonEmpty),
        wwpn: textChild("wwpn", wwn),
      }),
    ),
  },
  scsi: {
    host: textChild("host", int()),
    bus: textChild("bus", int()),
    target: textChild("target", int()),
    lun: textChild("lun", int()),
    scsiType: optional(textChild("type", text)),
  },
  storage: {
    block: textChild("block", nonEmpty),
    bus: optional(textChild("bus", text)),
    driveType: optional(textChild("drive_type", text)),
    model: optional(textChild("model", text)),
    vendor: optional(textChild("vendor", text)),
    serial: optional(textChild("serial", text)),
    removable: optional(
      variantChild("capability", "type", "removable", {
        mediaAvailable: textChild("media_available", oneOf("0", "1")),
        mediaSize: textChild("media_size", int()),
        mediaLabel: optional(textChild("media_label", text)),
        ...blocks,
      }),
    ),
    size: optional(textChild("size", int())),
    ...blocks,
    hotpluggable: optional(variantChild("capability", "type", "hotpluggable", {})),
  },
  drm: { drmType: textChild("type", oneOf("primary", "control", "render")) },
  mdev: {
    mediatedType: attributeChild("type", "id", nonEmpty),
    uuid: optional(textChild("uuid", uuid)),
    parentAddress: optional(textChild("parent_addr", nonEmpty)),
    iommuGroup: optional(attributeChild("iommuGroup", "number", int())),
    attributes: repeated(
      "attr",
      element({ name: attribute("name", nonEmpty), value: attribute("value", text) }),
    ),
  },
  ccw: ccwAddress,
  css: {
    ...ccwAddress,
    channelDevice: optional(child("channel_dev_addr", element(ccwAddress))),
    ...mediatedTypes,
  },
  vdpa: { chardev: textChild("chardev", nonEmpty) },
  ap_card: { adapter },
  ap_queue: { adapter, domain: textChild("ap-domain", hex(0xffff, 4)) },
  ap_matrix: mediatedTypes,
});

/** The `<device>` document: a device of the host. */
export const nodeDeviceSchema = element({
  name: textChild("name", nonEmpty),
  /** In sysfs. */
  path: optional(textChild("path", nonEmpty)),
  node: optional(variantChild("devnode", "type", "dev", { path: ownText(nonEmpty) })),
  links: repeated("devnode", choice("type", { link: { path: ownText(nonEmpty) } })),
  /** The device it hangs on: by name, or, where a virtual adapter is asked for, by its numbers in the fabric. */
  parent: optional(
    child(
      "parent",
      element({
        wwnn: maybe("wwnn", wwn),
        wwpn: maybe("wwpn", wwn),
        fabricWwn: maybe("fabric_wwn", wwn),
        name: optional(ownText(nonEmpty)),
      }),
    ),
  ),
  driver: optional(child("driver", element({ name: optional(textChild("name", nonEmpty)) }))),
  capabilities: repeated("capability", capability),
});

/** A `<device>` document as a value. */
export interface NodeDeviceDefinition extends ModelOf<typeof nodeDeviceSchema> {}
