import { int, nonEmpty, oneOf, onOff, text, yesNo } from "../../schema/kinds.ts";
import {
  attribute,
  attributeOnly,
  child,
  defaulted,
  listChild,
  marker,
  maybe,
  optional,
  repeated,
  textChild,
} from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { choice, element } from "../../schema/schema.ts";
import { backendDomain, bootOrder, deviceInfo, iothreadQueues, virtioDriver, virtioModel } from "./common.ts";
import { iotune } from "./iotune.ts";
import {
  authSchema,
  backingStoreSchema,
  encryptionSchema,
  metadataCacheSchema,
  mirrorSchema,
  storageSources,
} from "./storage-source.ts";

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
  metadataCache: optional(child("metadata_cache", metadataCacheSchema)),
  ...iothreadQueues,
  /** What is counted of the disk's requests, and over how many seconds. */
  statistics: optional(
    child(
      "statistics",
      element({
        statistics: repeated("statistic", attributeOnly("interval", int(1))),
        histograms: repeated(
          "latency-histogram",
          element({
            type: maybe("type", oneOf("read", "write", "zone", "flush")),
            bins: repeated("bin", attributeOnly("start", int())),
          }),
        ),
      }),
    ),
  ),
});

const before = {
  device: defaulted(attribute("device", oneOf("disk", "cdrom", "floppy", "lun")), "disk" as const),
  model: maybe("model", virtioModel),
  rawio: maybe("rawio", yesNo),
  sgio: maybe("sgio", oneOf("filtered", "unfiltered")),
  snapshot: maybe("snapshot", oneOf("internal", "external", "no", "manual")),
  driver: optional(child("driver", driverSchema)),
  /** Older documents have it here, newer ones in the source. */
  auth: optional(child("auth", authSchema)),
} as const;

const after = {
  backingStore: optional(child("backingStore", backingStoreSchema)),
  ...backendDomain,
  geometry: optional(
    child(
      "geometry",
      element({
        cylinders: attribute("cyls", int(1)),
        heads: attribute("heads", int(1)),
        sectors: attribute("secs", int(1)),
        translation: maybe("trans", oneOf("none", "auto", "lba")),
      }),
    ),
  ),
  blockio: optional(
    child(
      "blockio",
      element({
        logicalBlockSize: maybe("logical_block_size", int()),
        physicalBlockSize: maybe("physical_block_size", int()),
        discardGranularity: maybe("discard_granularity", int()),
      }),
    ),
  ),
  mirror: optional(child("mirror", mirrorSchema)),
  target: child(
    "target",
    element({
      dev: attribute("dev", nonEmpty),
      bus: maybe("bus", oneOf("ide", "fdc", "scsi", "virtio", "xen", "usb", "uml", "sata", "sd", "nvme")),
      tray: maybe("tray", oneOf("closed", "open")),
      removable: maybe("removable", onOff),
      rotationRate: maybe("rotation_rate", int(1, 65534)),
      dpofua: maybe("dpofua", onOff),
    }),
  ),
  iotune: optional(child("iotune", element(iotune))),
  throttleFilters: optional(
    listChild("throttlefilters", "throttlefilter", element({ group: attribute("group", nonEmpty) })),
  ),
  readonly: marker("readonly"),
  shareable: marker("shareable"),
  transient: optional(child("transient", element({ shareBacking: maybe("shareBacking", yesNo) }))),
  serial: optional(textChild("serial", nonEmpty)),
  wwn: optional(textChild("wwn", nonEmpty)),
  vendor: optional(textChild("vendor", text)),
  product: optional(textChild("product", text)),
  /** Older documents have it here, newer ones in the source. */
  encryption: optional(child("encryption", encryptionSchema)),
  ...bootOrder,
  ...deviceInfo,
} as const;

/** A drive without a `<source>` is empty, which only a cdrom or floppy can be. */
export const diskSchema = choice(
  "type",
  {
    file: { ...before, source: optional(child("source", storageSources.file)), ...after },
    block: { ...before, source: optional(child("source", storageSources.block)), ...after },
    dir: { ...before, source: optional(child("source", storageSources.dir)), ...after },
    network: { ...before, source: optional(child("source", storageSources.network)), ...after },
    volume: { ...before, source: optional(child("source", storageSources.volume)), ...after },
    nvme: { ...before, source: optional(child("source", storageSources.nvme)), ...after },
    vhostuser: { ...before, source: optional(child("source", storageSources.vhostuser)), ...after },
    vhostvdpa: { ...before, source: optional(child("source", storageSources.vhostvdpa)), ...after },
  },
  { fallback: "file" },
);

export type Disk = ModelOf<typeof diskSchema>;
export type DiskDriver = ModelOf<typeof driverSchema>;
export type DiskBus = NonNullable<Disk["target"]["bus"]>;

/** Path of the image or device on the host; undefined for an empty drive, and for what is no file. */
export function sourcePath(disk: Disk): string | undefined {
  switch (disk.type) {
    case "file":
      return disk.source?.file;
    case "block":
    case "vhostvdpa":
      return disk.source?.dev;
    case "dir":
      return disk.source?.dir;
    case "vhostuser":
      return disk.source?.path;
    case "network":
    case "volume":
    case "nvme":
      return undefined;
  }
}

/** The bus as given, or the one that the name of the target means: vd* virtio, sd* scsi, hd* ide, fd* floppy. */
export function busOf(disk: Disk): DiskBus {
  if (disk.target.bus !== undefined) return disk.target.bus;
  if (disk.device === "floppy") return "fdc";
  if (disk.target.dev.startsWith("vd")) return "virtio";
  if (disk.target.dev.startsWith("xvd")) return "xen";
  if (disk.target.dev.startsWith("ubd")) return "uml";
  if (disk.target.dev.startsWith("nvme")) return "nvme";
  if (disk.target.dev.startsWith("sd")) return "scsi";
  if (disk.target.dev.startsWith("fd")) return "fdc";
  return "ide";
}

/** The same disk on another image: a file, or the device that it was. */
export function withSourcePath(disk: Disk, path: string): Disk {
  if (disk.type === "block") return { ...disk, source: { seclabels: [], ...disk.source, dev: path } };
  if (disk.type === "file") return { ...disk, source: { seclabels: [], ...disk.source, file: path } };
  return { ...disk, type: "file", source: { seclabels: [], file: path } };
}
