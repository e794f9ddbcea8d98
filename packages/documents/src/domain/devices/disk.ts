import { int, nonEmpty, oneOf, onOff, text } from "../../schema/kinds.ts";
import {
  attribute,
  child,
  defaulted,
  kept,
  keptAll,
  marker,
  maybe,
  optional,
  textChild,
} from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { choice, element } from "../../schema/schema.ts";
import { bootOrder, deviceInfo, virtioDriver } from "./common.ts";

const driverSchema = element({
  name: maybe("name", nonEmpty),
  type: maybe("type", nonEmpty),
  cache: maybe("cache", oneOf("default", "none", "writethrough", "writeback", "directsync", "unsafe")),
  errorPolicy: maybe("error_policy", oneOf("stop", "report", "ignore", "enospace")),
  rerrorPolicy: maybe("rerror_policy", oneOf("stop", "report", "ignore")),
  io: maybe("io", oneOf("native", "threads", "io_uring")),
  ioeventfd: maybe("ioeventfd", onOff),
  eventIdx: maybe("event_idx", onOff),
  copyOnRead: maybe("copy_on_read", onOff),
  discard: maybe("discard", oneOf("unmap", "ignore")),
  iothread: maybe("iothread", int(1)),
  detectZeroes: maybe("detect_zeroes", oneOf("off", "on", "unmap")),
  discardNoUnref: maybe("discard_no_unref", onOff),
  queues: maybe("queues", int(1, 65535)),
  queueSize: maybe("queue_size", int(1, 65535)),
  ...virtioDriver,
  metadataCache: kept("metadata_cache"),
});

/** What every source has; the keep-alls are what libvirt adds to running guests. */
const sourceCommon = {
  startupPolicy: maybe("startupPolicy", oneOf("mandatory", "requisite", "optional")),
  index: maybe("index", int()),
  seclabels: keptAll("seclabel"),
  privateData: kept("privateData"),
} as const;

const beforeSource = {
  device: defaulted(attribute("device", oneOf("disk", "cdrom", "floppy", "lun")), "disk" as const),
  model: maybe("model", oneOf("virtio", "virtio-transitional", "virtio-non-transitional")),
  rawio: maybe("rawio", nonEmpty),
  sgio: maybe("sgio", oneOf("filtered", "unfiltered")),
  snapshot: maybe("snapshot", oneOf("internal", "external", "no", "manual")),
  driver: optional(child("driver", driverSchema)),
} as const;

const afterSource = {
  backingStore: kept("backingStore"),
  mirror: kept("mirror"),
  geometry: kept("geometry"),
  blockio: optional(
    child(
      "blockio",
      element({
        logicalBlockSize: maybe("logical_block_size", int(512)),
        physicalBlockSize: maybe("physical_block_size", int(512)),
        discardGranularity: maybe("discard_granularity", int()),
      }),
    ),
  ),
  target: child(
    "target",
    element({
      dev: attribute("dev", nonEmpty),
      bus: maybe("bus", oneOf("ide", "fdc", "scsi", "virtio", "xen", "usb", "uml", "sata", "sd")),
      tray: maybe("tray", oneOf("closed", "open")),
      removable: maybe("removable", onOff),
      rotationRate: maybe("rotation_rate", int(1, 65534)),
    }),
  ),
  iotune: kept("iotune"),
  readonly: marker("readonly"),
  shareable: marker("shareable"),
  transient: marker("transient"),
  serial: optional(textChild("serial", nonEmpty)),
  wwn: optional(textChild("wwn", nonEmpty)),
  vendor: optional(textChild("vendor", text)),
  product: optional(textChild("product", text)),
  ...bootOrder,
  ...deviceInfo,
} as const;

/** A drive without a `<source>` is empty, which only a cdrom or floppy can be. */
export const diskSchema = choice(
  "type",
  {
    file: {
      ...beforeSource,
      source: optional(child("source", element({ file: maybe("file", nonEmpty), ...sourceCommon }))),
      ...afterSource,
    },
    block: {
      ...beforeSource,
      source: optional(child("source", element({ dev: maybe("dev", nonEmpty), ...sourceCommon }))),
      ...afterSource,
    },
  },
  "file",
);

export type Disk = ModelOf<typeof diskSchema>;
export type DiskDriver = ModelOf<typeof driverSchema>;

/** Path of the image or device on the host; undefined for an empty drive. */
export function sourcePath(disk: Disk): string | undefined {
  return disk.type === "file" ? disk.source?.file : disk.source?.dev;
}

/** The bus as given, or the one that the name of the target means: vd* virtio, sd* scsi, hd* ide, fd* floppy. */
export function busOf(disk: Disk): NonNullable<Disk["target"]["bus"]> {
  if (disk.target.bus !== undefined) return disk.target.bus;
  if (disk.target.dev.startsWith("vd")) return "virtio";
  if (disk.target.dev.startsWith("xvd")) return "xen";
  if (disk.target.dev.startsWith("sd")) return "scsi";
  if (disk.target.dev.startsWith("fd")) return "fdc";
  return "ide";
}

/** The same disk on another image. */
export function withSourcePath(disk: Disk, path: string): Disk {
  if (disk.type === "file") return { ...disk, source: { seclabels: [], ...disk.source, file: path } };
  return { ...disk, source: { seclabels: [], ...disk.source, dev: path } };
}
