import { nonEmpty, oneOf, text, uuid, yesNo } from "../schema/kinds.ts";
import {
  amountChild,
  attribute,
  attributeChild,
  child,
  IN_BYTES,
  maybe,
  optional,
  repeated,
  textChild,
} from "../schema/parts.ts";
import type { Fields, ModelOf } from "../schema/schema.ts";
import { choice, element } from "../schema/schema.ts";
import { permissions } from "./permissions.ts";
import { SOURCES } from "./source.ts";

const inNamespace = (prefix: string, uri: string) => (local: string) => ({ local, uri, prefix });
const fs = inNamespace("fs", "http://libvirt.org/schemas/storagepool/fs/1.0");
const rbd = inNamespace("rbd", "http://libvirt.org/schemas/storagepool/rbd/1.0");

const head = {
  name: optional(textChild("name", nonEmpty)),
  uuid: optional(textChild("uuid", uuid)),
  capacity: optional(amountChild("capacity", IN_BYTES)),
  allocation: optional(amountChild("allocation", IN_BYTES)),
  available: optional(amountChild("available", IN_BYTES)),
  /** Whether the file system copies on write. */
  features: optional(child("features", element({ cow: optional(attributeChild("cow", "state", yesNo)) }))),
} as const;

/** Where volumes show up on the host. */
const target = {
  target: optional(child("target", element({ path: optional(textChild("path", nonEmpty)), ...permissions }))),
} as const;

/** How the use of its volumes is found out: by asking each, or taken to be what they could be. */
const refresh = {
  refresh: optional(
    child(
      "refresh",
      element({
        volume: optional(
          child("volume", element({ allocation: maybe("allocation", oneOf("default", "capacity")) })),
        ),
      }),
    ),
  ),
} as const;

/** Options handed to `mount`. */
const mountOptions = {
  mountOptions: optional(
    child(
      fs("mount_opts"),
      element({ options: repeated(fs("option"), element({ name: attribute("name", text) })) }),
    ),
  ),
} as const;

const configurationOptions = {
  configurationOptions: optional(
    child(
      rbd("config_opts"),
      element({
        options: repeated(
          rbd("option"),
          element({ name: attribute("name", text), value: attribute("value", text) }),
        ),
      }),
    ),
  ),
} as const;

const source = <const F extends Fields>(fields: F) => ({
  source: optional(child("source", element(fields))),
});

/** The `<pool>` document, in the order libvirt writes it. */
export const storagePoolSchema = choice("type", {
  dir: { ...head, ...source(SOURCES.dir), ...target, ...refresh },
  fs: { ...head, ...source(SOURCES.fs), ...target, ...refresh, ...mountOptions },
  netfs: { ...head, ...source(SOURCES.netfs), ...target, ...refresh, ...mountOptions },
  logical: { ...head, ...source(SOURCES.logical), ...target, ...refresh },
  disk: { ...head, ...source(SOURCES.disk), ...target, ...refresh },
  iscsi: { ...head, ...source(SOURCES.iscsi), ...target, ...refresh },
  "iscsi-direct": { ...head, ...source(SOURCES["iscsi-direct"]), ...refresh },
  scsi: { ...head, ...source(SOURCES.scsi), ...target, ...refresh },
  mpath: { ...head, ...source(SOURCES.mpath), ...target, ...refresh },
  rbd: { ...head, ...source(SOURCES.rbd), ...refresh, ...configurationOptions },
  sheepdog: { ...head, ...source(SOURCES.sheepdog), ...refresh },
  gluster: { ...head, ...source(SOURCES.gluster), ...refresh },
  zfs: { ...head, ...source(SOURCES.zfs), ...target, ...refresh },
  vstorage: { ...head, ...source(SOURCES.vstorage), ...target, ...refresh },
});

/** A `<pool>` document as a value. */
export type StoragePoolDefinition = ModelOf<typeof storagePoolSchema>;
export type StoragePoolType = StoragePoolDefinition["type"];
