import { metadataCacheSchema, storageSources } from "../domain/devices/storage-source.ts";
import { domainSchema } from "../domain/model.ts";
import type { Kind } from "../schema/kinds.ts";
import { int, nonEmpty, oneOf, text, uuid } from "../schema/kinds.ts";
import { attribute, child, kept, listChild, marker, maybe, optional, textChild } from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { choice, element } from "../schema/schema.ts";
import { childByAttribute } from "../schema/variants.ts";

const flag: Kind<boolean> = {
  expected: "0 or 1",
  texts: { names: ["0", "1"] },
  parse: (t) => (t.trim() === "1" ? true : t.trim() === "0" ? false : undefined),
  format: (v) => (v ? "1" : "0"),
};

const beforeSource = {
  /** It is being removed; only of existing ones. */
  deleteInProgress: marker("snapshotDeleteInProgress"),
  driver: optional(
    child(
      "driver",
      element({
        type: maybe("type", oneOf("cow", "qcow", "qcow2", "qed", "vmdk")),
        metadataCache: optional(child("metadata_cache", metadataCacheSchema)),
      }),
    ),
  ),
} as const;
const file = { ...beforeSource, source: optional(child("source", storageSources.file)) } as const;

/** What becomes of one disk. The image is the new one that is written to from then on. */
const disk = choice(
  "type",
  {
    /** Of no type as long as there is no image. */
    unset: file,
    file,
    block: { ...beforeSource, source: optional(child("source", storageSources.block)) },
    network: { ...beforeSource, source: optional(child("source", storageSources.network)) },
  },
  {
    fallback: "unset",
    implied: true,
    before: {
      /** Its target on the guest, or the path of its image. */
      name: attribute("name", nonEmpty),
      snapshot: maybe("snapshot", oneOf("no", "internal", "external", "manual")),
    },
  },
);

/** The `<domainsnapshot>` document, in the order libvirt writes it. */
export const snapshotSchema = element({
  name: optional(textChild("name", nonEmpty)),
  description: optional(textChild("description", text)),
  state: optional(
    textChild(
      "state",
      oneOf("running", "blocked", "paused", "shutdown", "shutoff", "crashed", "disk-snapshot"),
    ),
  ),
  parent: optional(child("parent", element({ name: textChild("name", nonEmpty) }))),
  /** Seconds since 1970. */
  creationTime: optional(textChild("creationTime", int(Number.MIN_SAFE_INTEGER))),
  memory: optional(
    child(
      "memory",
      element({
        snapshot: maybe("snapshot", oneOf("no", "internal", "external")),
        file: maybe("file", nonEmpty),
      }),
    ),
  ),
  disks: optional(listChild("disks", "disk", disk)),
  /** The guest as it was. */
  domain: optional(childByAttribute("domain", "type", true, domainSchema)),
  /** All that old snapshots, and those that are only asked for, say of the guest. */
  owner: optional(childByAttribute("domain", "type", false, element({ uuid: textChild("uuid", uuid) }))),
  /** The guest as it would have started next. */
  inactiveDomain: optional(child("inactiveDomain", domainSchema)),
  /** What a driver needs to resume it. */
  cookie: kept("cookie"),
  active: optional(textChild("active", flag)),
});

/** A `<domainsnapshot>` document as a value. */
export interface SnapshotDefinition extends ModelOf<typeof snapshotSchema> {}
export type SnapshotDisk = NonNullable<SnapshotDefinition["disks"]>[number];
