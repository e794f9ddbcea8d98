import type { DiskDriver } from "@virtmesh/documents/domain/devices/disk";
import type { Json } from "../arguments.ts";
import { unsupported } from "../arguments.ts";
import type { DeviceContext } from "../context.ts";
import type { DeviceParts } from "../parts.ts";
import { secretObject } from "../secrets.ts";
import { tlsObjects } from "../tls.ts";
import type { ChainImage, ChainOptions } from "./chain.ts";
import type { NetworkObjects } from "./network-storage.ts";
import { networkStorage } from "./network-storage.ts";

/** Formats by libvirt's name, and their driver. */
const FORMATS: ReadonlyMap<string, string> = new Map([
  ...["raw", "qcow2", "qcow", "qed", "vmdk", "vdi", "vpc", "vhdx", "bochs", "cloop", "dmg"].map(
    (name): [string, string] => [name, name],
  ),
  ["vhd", "vhdx"],
  ["ploop", "parallels"],
  // A directory is served as a FAT file system by the node that reads it.
  ["fat", "raw"],
]);

/** Formats that can lie on another image. */
const LAYERED = new Set(["qcow2", "qcow", "qed", "vmdk"]);

/**
 * The node that opens the bytes and the one above it that understands the format, for -blockdev or blockdev-add.
 * Image locking stays on, as QEMU does by itself: two QEMUs never write the same image. `below` is the node under
 * it, null where nothing is, undefined where QEMU looks into the image.
 */
export function imageNodes(
  c: DeviceContext,
  image: ChainImage,
  options: ChainOptions,
  below: string | null | undefined,
): DeviceParts {
  const { path, encryption } = image;
  const driver = FORMATS.get(image.format);
  if (driver === undefined || !c.capabilities.blockDrivers.has(driver))
    throw unsupported(`${path}/driver/@type`, `the image format ${image.format} is not supported`);
  const objects: Json[] = [];
  const network = networkObjects(c, image, objects);
  const cache = cacheOf(options.driver);
  const storage = storageNode(c, image, options, network);
  if (!c.capabilities.blockDrivers.has(storage.driver))
    throw unsupported(`${path}/source`, `${c.capabilities.binary} cannot open images by ${storage.driver}`);
  const slice = image.image.source?.slices?.[0];
  const luks = driver === "raw" && encryption !== undefined && encryption.engine !== "librbd";
  const separate = slice !== undefined && (driver !== "raw" || luks);
  const range = slice === undefined ? {} : { offset: slice.offset, size: slice.size };
  const file = separate ? `${image.storageNode}-slice` : image.storageNode;
  return {
    objects,
    blockdevs: [
      { ...storage, "node-name": image.storageNode, cache, "auto-read-only": true, discard: "unmap" },
      ...(separate
        ? [
            {
              driver: "raw",
              "node-name": file,
              ...range,
              file: image.storageNode,
              "auto-read-only": true,
              discard: "unmap",
              cache,
            },
          ]
        : []),
      {
        "node-name": image.formatNode,
        "read-only": image.readOnly,
        discard: options.driver?.discard,
        "detect-zeroes": detectZeroes(options.driver),
        cache,
        ...(luks
          ? { driver: "luks", "key-secret": network.encryption }
          : { driver, ...(separate ? {} : range) }),
        ...(driver === "raw" ? {} : { encrypt: encryptionOf(image, network) }),
        "cache-size": driver === "qcow2" ? image.cacheSize : undefined,
        "discard-no-unref": options.driver?.discardNoUnref,
        file,
        ...(LAYERED.has(driver) && below !== undefined ? { backing: below } : {}),
      },
    ],
  };
}

/** The secrets and credentials that the image needs; their objects are added to the list. */
function networkObjects(c: DeviceContext, image: ChainImage, objects: Json[]): NetworkObjects {
  const { storageNode, formatNode, path } = image;
  const secret = (id: string) => {
    objects.push(secretObject(c.runtime, id));
    return id;
  };
  const { type, source } = image.image;
  const network = type === "network" ? source : undefined;
  const tls = network?.tls === true && (network.protocol === "nbd" || network.protocol === "vxhs");
  if (tls)
    objects.push(
      ...tlsObjects(
        c.runtime,
        network.protocol === "nbd" ? "nbd" : "vxhs",
        `${storageNode}-tls`,
        "client",
        `${path}/source/@tls`,
      ),
    );
  return {
    ...(network !== undefined && image.auth !== undefined ? { login: secret(`${storageNode}-auth`) } : {}),
    ...(network?.cookies === undefined || network.cookies.length === 0
      ? {}
      : { cookies: secret(`${storageNode}-cookies`) }),
    ...(image.encryption === undefined ? {} : { encryption: secret(`${formatNode}-encryption`) }),
    ...(tls ? { tls: `${storageNode}-tls` } : {}),
  };
}

function encryptionOf(
  { encryption, path }: ChainImage,
  { encryption: secret }: NetworkObjects,
): Json | undefined {
  if (encryption === undefined || encryption.engine === "librbd") return undefined;
  if (encryption.format === "luks") return { format: "luks", "key-secret": secret };
  if (encryption.format === "qcow" || encryption.format === "default")
    return { format: "aes", "key-secret": secret };
  throw unsupported(`${path}/encryption/@format`, `QEMU itself does not encrypt by ${encryption.format}`);
}

/** What opens the bytes. */
function storageNode(
  c: DeviceContext,
  image: ChainImage,
  options: ChainOptions,
  objects: NetworkObjects,
): Json & { readonly driver: string } {
  const { path } = image;
  const { type, source } = image.image;
  const missing = () => unsupported(`${path}/source`, `the image of type ${type} has no place`);
  switch (type) {
    case "file":
    case "block": {
      if (source === undefined) throw missing();
      const filename = type === "file" ? source.file : source.dev;
      if (filename === undefined) throw missing();
      if (source.dataStore !== undefined)
        throw unsupported(`${path}/source/dataStore`, "a data file beside its image is not supported");
      if (type === "file" && source.fdgroup !== undefined)
        throw unsupported(`${path}/source/@fdgroup`, "images handed over as descriptors are not supported");
      const drive = options.cdrom && image.format === "raw" && c.runtime.isHostCdrom(filename);
      return {
        driver: type === "file" ? "file" : drive ? "host_cdrom" : "host_device",
        filename,
        aio: options.driver?.io,
        ...reservations(source, image),
      };
    }
    case "dir":
      if (source?.dir === undefined) throw missing();
      return { driver: "vvfat", dir: source.dir, floppy: options.floppy, rw: !image.readOnly };
    case "network":
      if (source === undefined) throw missing();
      return networkStorage(source, image.auth, objects, `${path}/source`);
    case "nvme": {
      const { domain = 0, bus = 0, slot = 0, function: fn = 0 } = source?.address ?? {};
      if (source === undefined) throw missing();
      const hex = (n: number, width: number) => n.toString(16).padStart(width, "0");
      return {
        driver: "nvme",
        device: `${hex(domain, 4)}:${hex(bus, 2)}:${hex(slot, 2)}.${fn}`,
        namespace: source.namespace,
      };
    }
    case "vhostvdpa":
      if (source === undefined) throw missing();
      return { driver: "virtio-blk-vhost-vdpa", path: source.dev };
    case "volume":
      throw unsupported(
        `${path}/@type`,
        "volumes of storage pools are not supported, name the file or device",
      );
    case "vhostuser":
      throw unsupported(`${path}/@type`, "a disk of type vhostuser cannot be part of a chain");
  }
}

function reservations(
  source: { readonly reservations?: { readonly enabled?: boolean; readonly managed?: boolean } },
  { storageNode }: ChainImage,
): Json {
  if (source.reservations === undefined || source.reservations.enabled === false) return {};
  return { "pr-manager": source.reservations.managed === true ? MANAGED_RESERVATIONS : `pr-${storageNode}` };
}

/** The helper for reservations that serves all disks of the guest. */
export const MANAGED_RESERVATIONS = "pr-helper0";

function cacheOf(driver: DiskDriver | undefined): Json | undefined {
  if (driver?.cache === undefined || driver.cache === "default") return undefined;
  return {
    direct: driver.cache === "none" || driver.cache === "directsync",
    "no-flush": driver.cache === "unsafe",
  };
}

/** QEMU refuses `unmap` unless discards are on too; then zeroes are written efficiently all the same. */
function detectZeroes(driver: DiskDriver | undefined): string | undefined {
  return driver?.detectZeroes === "unmap" && driver.discard !== "unmap" ? "on" : driver?.detectZeroes;
}
