import { document } from "../schema/document.ts";
import { refuseAt } from "../schema/refuse.ts";
import type { StoragePoolType } from "../storage-pool/model.ts";
import { saidPermissions } from "../storage-pool/permissions.ts";
import type { StorageVolumeDefinition } from "./model.ts";
import { storageVolumeSchema } from "./model.ts";

const storageVolumeDocument = document("volume", storageVolumeSchema, ({ name }) => {
  if (name.includes("/") || name === "." || name === "..")
    refuseAt("/volume/name", `the name "${name}" is a path`);
});

/**
 * Reads and checks a volume.
 * @throws XML_SYNTAX, XML_FORBIDDEN, XML_LIMIT, XML_UNKNOWN, XML_INVALID with path, line and column
 */
export function parseStorageVolume(xml: string): StorageVolumeDefinition {
  return storageVolumeDocument.parse(xml);
}

export function formatStorageVolume(volume: StorageVolumeDefinition): string {
  return storageVolumeDocument.format(volume);
}

/** What a volume is in when nothing is said; pools that are not here have no formats. */
const FORMATS: Readonly<Partial<Record<StoragePoolType, "raw" | "none">>> = {
  dir: "raw",
  fs: "raw",
  netfs: "raw",
  rbd: "raw",
  gluster: "raw",
  vstorage: "raw",
  disk: "none",
};

/**
 * Writes down what libvirt takes for a volume of such a pool where nothing is said. Where its bytes lie and when they
 * were used the host measures; a definition that says so is not taken at its word.
 */
export function completeStorageVolume(
  volume: StorageVolumeDefinition,
  pool: StoragePoolType,
): StorageVolumeDefinition {
  const { source: _, physical: __, target, backingStore, ...rest } = volume;
  const capacity = volume.capacity ?? 0n;
  return {
    ...rest,
    type: volume.type ?? "file",
    capacity,
    allocation: volume.allocation ?? capacity,
    target: completeTarget(target ?? {}, pool),
    ...(backingStore === undefined ? {} : { backingStore: withFormat(backingStore, pool) }),
  };
}

type Target = NonNullable<StorageVolumeDefinition["target"]>;
type WithFormat = Pick<Target, "format" | "permissions" | "timestamps">;

function withFormat<T extends WithFormat>(of: T, pool: StoragePoolType): T {
  const { format: given, permissions: said, timestamps: _, ...rest } = of;
  const permissions = saidPermissions(said);
  const fallback = FORMATS[pool];
  // Without formats of its own a pool has nothing to write one with.
  const format = fallback === undefined ? undefined : (given ?? fallback);
  return {
    ...rest,
    ...(format === undefined ? {} : { format }),
    ...(permissions === undefined ? {} : { permissions }),
  } as T;
}

function completeTarget(target: Target, pool: StoragePoolType): Target {
  const { compat, ...rest } = target;
  // Features came with version 1.1 of qcow2.
  const version = compat ?? (target.features === undefined ? undefined : "1.1");
  return withFormat({ ...rest, ...(version === undefined ? {} : { compat: version }) }, pool);
}
