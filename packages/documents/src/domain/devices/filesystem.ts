import { big, int, nonEmpty, oneOf, onOff, pattern } from "../../schema/kinds.ts";
import {
  amountAttribute,
  amountChild,
  attribute,
  attributeChild,
  child,
  IN_BYTES,
  marker,
  maybe,
  optional,
} from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { choice, element } from "../../schema/schema.ts";
import { idmapSchema } from "../idmap.ts";
import { bootOrder, deviceInfo, virtioDriver, virtioModel } from "./common.ts";

const permissions = pattern("permissions in octal such as 0755", /^[0-7]{1,5}$/);

const before = {
  accessmode: maybe("accessmode", oneOf("passthrough", "mapped", "squash")),
  model: maybe("model", virtioModel),
  multidevs: maybe("multidevs", oneOf("default", "remap", "forbid", "warn")),
  fmode: maybe("fmode", permissions),
  dmode: maybe("dmode", permissions),
  driver: optional(
    child(
      "driver",
      element({
        type: maybe("type", oneOf("path", "handle", "loop", "nbd", "ploop", "virtiofs", "mtp")),
        format: maybe("format", nonEmpty),
        wrpolicy: maybe("wrpolicy", oneOf("immediate")),
        queue: maybe("queue", big),
        ...virtioDriver,
      }),
    ),
  ),
  /** The daemon of virtiofs. */
  binary: optional(
    child(
      "binary",
      element({
        path: maybe("path", nonEmpty),
        xattr: maybe("xattr", onOff),
        cache: optional(attributeChild("cache", "mode", oneOf("none", "always"))),
        sandbox: optional(attributeChild("sandbox", "mode", oneOf("namespace", "chroot"))),
        lock: optional(
          child("lock", element({ posix: maybe("posix", onOff), flock: maybe("flock", onOff) })),
        ),
        threadPool: optional(attributeChild("thread_pool", "size", int())),
        openfiles: optional(attributeChild("openfiles", "max", int())),
      }),
    ),
  ),
  idmap: optional(child("idmap", idmapSchema)),
} as const;

const after = {
  /** Where the guest finds it: a path, or for 9p and virtiofs a tag. */
  target: optional(attributeChild("target", "dir", nonEmpty)),
  readonly: marker("readonly"),
  ...bootOrder,
  ...deviceInfo,
  spaceHardLimit: optional(amountChild("space_hard_limit", IN_BYTES)),
  spaceSoftLimit: optional(amountChild("space_soft_limit", IN_BYTES)),
} as const;

const directory = element({ dir: maybe("dir", nonEmpty), socket: maybe("socket", nonEmpty) });

/** Directories of the host, and other file systems that a guest mounts. */
export const filesystemSchema = choice(
  "type",
  {
    mount: { ...before, source: optional(child("source", directory)), ...after },
    bind: { ...before, source: optional(child("source", directory)), ...after },
    file: { ...before, source: optional(attributeChild("source", "file", nonEmpty)), ...after },
    block: { ...before, source: optional(attributeChild("source", "dev", nonEmpty)), ...after },
    template: { ...before, source: optional(attributeChild("source", "name", nonEmpty)), ...after },
    ram: {
      ...before,
      source: child(
        "source",
        element({ usage: amountAttribute("usage", { assumed: "KiB", written: "KiB", attribute: "units" }) }),
      ),
      ...after,
    },
    volume: {
      ...before,
      source: child(
        "source",
        element({ pool: attribute("pool", nonEmpty), volume: attribute("volume", nonEmpty) }),
      ),
      ...after,
    },
  },
  { fallback: "mount" },
);

export type Filesystem = ModelOf<typeof filesystemSchema>;
