import { hostPciSchema } from "../domain/devices/common.ts";
import { authSchema } from "../domain/devices/storage-source.ts";
import { big, int, nonEmpty, oneOf, pattern, yesNo } from "../schema/kinds.ts";
import {
  attribute,
  attributeChild,
  child,
  defaulted,
  maybe,
  optional,
  repeated,
  textChild,
} from "../schema/parts.ts";
import { choice, element } from "../schema/schema.ts";

/** Servers; most kinds of pools have one, some several. */
const hosts = {
  hosts: repeated(
    "host",
    element({ name: attribute("name", nonEmpty), port: maybe("port", int(-1, 65535)) }),
  ),
} as const;

const devices = {
  devices: repeated(
    "device",
    element({
      path: attribute("path", nonEmpty),
      /** Whether partitions of it are called with a `p` before their number. */
      partSeparator: maybe("part_separator", yesNo),
      freeExtents: repeated(
        "freeExtent",
        element({ start: attribute("start", big), end: attribute("end", big) }),
      ),
    }),
  ),
} as const;

const dir = { dir: optional(attributeChild("dir", "path", nonEmpty)) } as const;
const name = { name: optional(textChild("name", nonEmpty)) } as const;
const initiator = {
  initiator: optional(child("initiator", element({ iqn: attributeChild("iqn", "name", nonEmpty) }))),
} as const;
const auth = { auth: optional(child("auth", authSchema)) } as const;

/** Who made the storage; for people. */
const maker = {
  vendor: optional(attributeChild("vendor", "name", nonEmpty)),
  product: optional(attributeChild("product", "name", nonEmpty)),
} as const;

const format = <const N extends string>(fallback: N, ...others: readonly N[]) => ({
  format: defaulted(attributeChild("format", "type", oneOf(fallback, ...others)), fallback),
});

const wwn = pattern("16 hexadecimal digits", /^(0x)?[0-9a-fA-F]{16}$/);

/** A host bus adapter of SCSI, or a virtual one of Fibre Channel. */
const adapter = choice(
  "type",
  {
    scsi_host: {
      name: maybe("name", nonEmpty),
      parentAddress: optional(
        child(
          "parentaddr",
          element({ uniqueId: maybe("unique_id", int()), address: child("address", hostPciSchema) }),
        ),
      ),
    },
    fc_host: {
      parent: maybe("parent", nonEmpty),
      parentWwnn: maybe("parent_wwnn", wwn),
      parentWwpn: maybe("parent_wwpn", wwn),
      parentFabricWwn: maybe("parent_fabric_wwn", wwn),
      managed: maybe("managed", yesNo),
      wwnn: attribute("wwnn", wwn),
      wwpn: attribute("wwpn", wwn),
    },
  },
  { fallback: "scsi_host" },
);

/** `<source>` of each kind of pool, in libvirt's order. */
export const SOURCES = {
  dir: maker,
  fs: {
    ...devices,
    ...format(
      "auto",
      "ext2",
      "ext3",
      "ext4",
      "ufs",
      "iso9660",
      "udf",
      "gfs",
      "gfs2",
      "vfat",
      "hfs+",
      "xfs",
      "ocfs2",
      "vmfs",
    ),
    ...maker,
  },
  netfs: {
    ...hosts,
    ...dir,
    ...format("auto", "nfs", "glusterfs", "cifs"),
    /** Version of NFS. */
    protocolVersion: optional(
      attributeChild("protocol", "ver", pattern("a version without a comma", /^[^,]+$/)),
    ),
    ...maker,
  },
  logical: { ...devices, ...name, ...format("lvm2", "unknown"), ...maker },
  disk: {
    ...devices,
    ...format("unknown", "dos", "dvh", "gpt", "mac", "bsd", "pc98", "sun", "lvm2"),
    ...maker,
  },
  iscsi: { ...hosts, ...devices, ...initiator, ...auth, ...maker },
  "iscsi-direct": { ...hosts, ...devices, ...initiator, ...auth },
  scsi: { adapter: child("adapter", adapter), ...maker },
  mpath: {},
  rbd: { ...hosts, ...name, ...auth },
  sheepdog: { ...hosts, ...name },
  gluster: { ...hosts, ...dir, ...name },
  zfs: { ...devices, ...name },
  vstorage: name,
} as const;
