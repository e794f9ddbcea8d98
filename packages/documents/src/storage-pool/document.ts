import { randomUUID } from "node:crypto";
import { document } from "../schema/document.ts";
import { refuseAt } from "../schema/refuse.ts";
import type { StoragePoolDefinition, StoragePoolType } from "./model.ts";
import { storagePoolSchema } from "./model.ts";
import { saidPermissions } from "./permissions.ts";
import { SOURCES } from "./source.ts";

const storagePoolDocument = document("pool", storagePoolSchema, validateStoragePool);

/**
 * Reads and checks a storage pool.
 * @throws XML_SYNTAX, XML_FORBIDDEN, XML_LIMIT, XML_UNKNOWN, XML_INVALID with path, line and column
 */
export function parseStoragePool(xml: string): StoragePoolDefinition {
  return storagePoolDocument.parse(xml);
}

export function formatStoragePool(pool: StoragePoolDefinition): string {
  return storagePoolDocument.format(pool);
}

function validateStoragePool(pool: StoragePoolDefinition): void {
  checkName(pool);
  checkSource(pool);
  if (NEEDS_PATH.has(pool.type) && targetOf(pool)?.path === undefined)
    refuseAt("/pool/target", `a pool of type="${pool.type}" needs a <target> with a <path>`);
}

/** The source and target of any pool, whatever its type has of them. */
interface AnySource {
  readonly hosts?: readonly unknown[];
  readonly devices?: readonly object[];
  readonly dir?: string;
  readonly name?: string;
  readonly format?: string;
  readonly initiator?: unknown;
  readonly protocolVersion?: string;
  readonly adapter?: NonNullable<
    Extract<StoragePoolDefinition, { readonly type: "scsi" }>["source"]
  >["adapter"];
}

function sourceOf(pool: StoragePoolDefinition): AnySource {
  return pool.source ?? {};
}

function targetOf(pool: StoragePoolDefinition) {
  return "target" in pool ? pool.target : undefined;
}

/** Pools that are a path of the host which nobody but the user knows. */
const NEEDS_PATH: ReadonlySet<StoragePoolType> = new Set([
  "dir",
  "fs",
  "netfs",
  "disk",
  "iscsi",
  "scsi",
  "mpath",
  "vstorage",
]);
const NEEDS_DEVICE: ReadonlySet<StoragePoolType> = new Set(["fs", "disk"]);
const NEEDS_DIR: ReadonlySet<StoragePoolType> = new Set(["netfs"]);
/** Named as their source is, unless they have a name of their own. */
const NAMED_BY_SOURCE: ReadonlySet<StoragePoolType> = new Set([
  "logical",
  "rbd",
  "sheepdog",
  "gluster",
  "zfs",
  "vstorage",
]);

function checkName(pool: StoragePoolDefinition): void {
  const name = nameOf(pool);
  if (name === undefined) refuseAt("/pool", "a pool needs a <name>");
  if (name.includes("/")) refuseAt("/pool/name", `the name "${name}" has a slash`);
}

function nameOf(pool: StoragePoolDefinition): string | undefined {
  return pool.name ?? (NAMED_BY_SOURCE.has(pool.type) ? sourceOf(pool).name : undefined);
}

function checkSource(pool: StoragePoolDefinition): void {
  const { type } = pool;
  const source = sourceOf(pool);
  const path = "/pool/source";
  const needs = (what: string): never => refuseAt(path, `a pool of type="${type}" needs ${what}`);
  if ("hosts" in SOURCES[type] && (source.hosts ?? []).length === 0) needs(`a <host name="..."/>`);
  if (NEEDS_DEVICE.has(type) && (source.devices ?? []).length === 0) needs(`a <device path="..."/>`);
  if (NEEDS_DIR.has(type) && source.dir === undefined) needs(`a <dir path="..."/>`);
  if (type === "rbd" && source.name === undefined) needs("a <name>");
  if (type === "iscsi-direct" && source.initiator === undefined) needs("an <initiator>");
  if (type === "scsi" && source.adapter === undefined) needs("an <adapter>");
  if (source.protocolVersion !== undefined && source.format !== "nfs" && source.format !== "auto")
    refuseAt(`${path}/protocol`, `only NFS has a version, this is "${source.format}"`);
  const { adapter } = source;
  if (adapter?.type === "scsi_host" && (adapter.name === undefined) === (adapter.parentAddress === undefined))
    refuseAt(`${path}/adapter`, "an adapter of the host is found by name or by <parentaddr>, one of both");
  if (
    adapter?.type === "fc_host" &&
    (adapter.parentWwnn === undefined) !== (adapter.parentWwpn === undefined)
  )
    refuseAt(`${path}/adapter`, "parent_wwnn and parent_wwpn belong together");
}

/**
 * Writes down what libvirt takes where nothing is said. Sizes and free extents are what the host measures of a pool
 * that runs; those of a definition are not taken.
 */
export function completeStoragePool(pool: StoragePoolDefinition): StoragePoolDefinition {
  const { type } = pool;
  const source = completeSource(pool);
  return {
    ...pool,
    name: nameOf(pool),
    uuid: pool.uuid ?? randomUUID(),
    capacity: 0n,
    allocation: 0n,
    available: 0n,
    source,
    ...(type in TARGETLESS ? {} : { target: completeTarget(pool, source) }),
  } as StoragePoolDefinition;
}

/** Pools that are nothing on the host itself. */
const TARGETLESS: Readonly<Partial<Record<StoragePoolType, true>>> = {
  rbd: true,
  sheepdog: true,
  gluster: true,
  "iscsi-direct": true,
};

function completeSource(pool: StoragePoolDefinition): AnySource {
  const source = sourceOf(pool);
  const fallback = FORMATS[pool.type];
  const dir = source.dir ?? (pool.type === "gluster" ? "/" : undefined);
  return {
    ...source,
    ...(source.devices === undefined
      ? {}
      : { devices: source.devices.map((device) => ({ ...device, freeExtents: [] })) }),
    ...(dir === undefined ? {} : { dir: cleanPath(dir) }),
    ...(NAMED_BY_SOURCE.has(pool.type) && nameOf(pool) !== undefined
      ? { name: source.name ?? nameOf(pool) ?? "" }
      : {}),
    ...(fallback === undefined ? {} : { format: source.format ?? fallback }),
  };
}

const FORMATS: Readonly<Partial<Record<StoragePoolType, string>>> = {
  fs: "auto",
  netfs: "auto",
  logical: "lvm2",
  disk: "unknown",
};

function completeTarget(pool: StoragePoolDefinition, source: AnySource): object {
  const { permissions: given, path, ...rest } = targetOf(pool) ?? {};
  const permissions = saidPermissions(given);
  const where = devicePath(pool.type, source) ?? path;
  return {
    ...rest,
    ...(where === undefined ? {} : { path: cleanPath(where) }),
    ...(permissions === undefined ? {} : { permissions }),
  };
}

/** Volume groups and ZFS have their places. */
function devicePath(type: StoragePoolType, source: AnySource): string | undefined {
  if (type === "logical") return `/dev/${source.name}`;
  return type === "zfs" ? `/dev/zvol/${source.name}` : undefined;
}

/** Without double slashes and one at the end. Two at the beginning of a path stay: POSIX lets them mean something. */
function cleanPath(path: string): string {
  if (path === "/" || path === "//") return path;
  const two = /^\/\/[^/]/.test(path);
  return (two ? "/" : "") + path.replace(/\/+/g, "/").replace(/\/$/, "");
}
