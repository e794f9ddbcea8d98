import { encryptionSchema } from "../domain/devices/storage-source.ts";
import { permissions } from "../storage-pool/permissions.ts";
import { big, nonEmpty, oneOf, pattern, text } from "../schema/kinds.ts";
import {
  amountChild,
  attribute,
  attributeChild,
  child,
  IN_BYTES,
  marker,
  maybe,
  optional,
  repeated,
  textChild,
} from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { element } from "../schema/schema.ts";

/** Seconds since 1970, with a fraction. */
const time = pattern("seconds such as 1341933637.273190990", /^\d+(\.\d{0,9})?$/);

/** Images, file systems and kinds of partitions: which of them can be depends on the pool. */
const format = optional(
  attributeChild(
    "format",
    "type",
    oneOf(
      ...([
        "raw",
        "dir",
        "bochs",
        "cloop",
        "dmg",
        "iso",
        "vpc",
        "vdi",
        "fat",
        "vhd",
        "ploop",
        "luks",
      ] as const),
      ...(["cow", "qcow", "qcow2", "qed", "vmdk", "unknown"] as const),
      ...(["none", "auto", "ext2", "ext3", "ext4", "ufs", "iso9660", "udf", "gfs", "gfs2", "vfat"] as const),
      ...(["hfs+", "xfs", "ocfs2", "vmfs"] as const),
      ...(["linux", "fat16", "fat32", "linux-swap", "linux-lvm", "linux-raid", "extended"] as const),
    ),
  ),
);

const timestamps = optional(
  child(
    "timestamps",
    element({
      accessed: optional(textChild("atime", time)),
      modified: optional(textChild("mtime", time)),
      changed: optional(textChild("ctime", time)),
      born: optional(textChild("btime", time)),
    }),
  ),
);

/** The `<volume>` document, in the order libvirt writes it. */
export const storageVolumeSchema = element({
  type: maybe("type", oneOf("file", "block", "dir", "network", "netdir", "ploop")),
  name: textChild("name", nonEmpty),
  /** Says which volume it is among all pools of the host. */
  key: optional(textChild("key", text)),
  source: optional(
    child(
      "source",
      element({
        devices: repeated(
          "device",
          element({
            path: attribute("path", nonEmpty),
            extents: repeated(
              "extent",
              element({ start: attribute("start", big), end: attribute("end", big) }),
            ),
          }),
        ),
      }),
    ),
  ),
  capacity: optional(amountChild("capacity", IN_BYTES)),
  allocation: optional(amountChild("allocation", IN_BYTES)),
  physical: optional(amountChild("physical", IN_BYTES)),
  target: optional(
    child(
      "target",
      element({
        path: optional(textChild("path", nonEmpty)),
        format,
        ...permissions,
        timestamps,
        encryption: optional(child("encryption", encryptionSchema)),
        compat: optional(textChild("compat", pattern("a version such as 1.1", /^\d+\.\d+$/))),
        noCow: marker("nocow"),
        clusterSize: optional(amountChild("clusterSize", { assumed: "bytes", written: "B" })),
        features: optional(
          child(
            "features",
            element({ lazyRefcounts: marker("lazy_refcounts"), extendedL2: marker("extended_l2") }),
          ),
        ),
      }),
    ),
  ),
  backingStore: optional(
    child("backingStore", element({ path: textChild("path", nonEmpty), format, ...permissions, timestamps })),
  ),
});

/** A `<volume>` document as a value. */
export interface StorageVolumeDefinition extends ModelOf<typeof storageVolumeSchema> {}
