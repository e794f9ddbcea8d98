import { sourceLabelSchema } from "../domain/devices/common.ts";
import { encryptionSchema } from "../domain/devices/storage-source.ts";
import { int, nonEmpty, oneOf, yesNo } from "../schema/kinds.ts";
import {
  attribute,
  child,
  defaulted,
  kept,
  listChild,
  maybe,
  optional,
  repeated,
  textChild,
} from "../schema/parts.ts";
import type { Fields, ModelOf } from "../schema/schema.ts";
import { choice, element } from "../schema/schema.ts";

/** A file or device that is written to. */
const store = element({
  file: maybe("file", nonEmpty),
  dev: maybe("dev", nonEmpty),
  seclabels: repeated("seclabel", sourceLabelSchema),
  encryption: optional(child("encryption", encryptionSchema)),
});

const driver = { driver: optional(child("driver", element({ type: maybe("type", nonEmpty) }))) } as const;

const diskBefore = {
  name: attribute("name", nonEmpty),
  backup: defaulted(attribute("backup", yesNo), true),
} as const;
const diskAfter = {
  type: maybe("type", oneOf("file", "block")),
  backupMode: maybe("backupmode", oneOf("full", "incremental")),
  /** The checkpoint since which. */
  incremental: maybe("incremental", nonEmpty),
} as const;

const exported = {
  exportName: maybe("exportname", nonEmpty),
  exportBitmap: maybe("exportbitmap", nonEmpty),
} as const;

/** Where clients fetch the backup. */
const server = element({
  transport: defaulted(attribute("transport", oneOf("tcp", "unix")), "tcp" as const),
  tls: maybe("tls", yesNo),
  name: maybe("name", nonEmpty),
  port: maybe("port", int(0, 65535)),
  socket: maybe("socket", nonEmpty),
});

/** `state` is what a running job adds to each disk, `tail` what it adds at the end. */
function backupOf<const S extends Fields, const T extends Fields>(state: S, tail: T) {
  const push = element({
    ...diskBefore,
    ...state,
    ...diskAfter,
    ...driver,
    target: optional(child("target", store)),
  });
  const pull = element({
    ...diskBefore,
    ...state,
    ...diskAfter,
    ...exported,
    ...driver,
    scratch: optional(child("scratch", store)),
  });
  const incremental = { incremental: optional(textChild("incremental", nonEmpty)) } as const;
  return choice(
    "mode",
    {
      /** The hypervisor writes it. */
      push: { ...incremental, disks: optional(listChild("disks", "disk", push)), ...tail },
      /** Clients read it, while what the guest overwrites goes to a scratch file. */
      pull: {
        ...incremental,
        server: optional(child("server", server)),
        disks: optional(listChild("disks", "disk", pull)),
        ...tail,
      },
    },
    { fallback: "push" },
  );
}

/** The `<domainbackup>` document, in the order libvirt writes it. */
export const backupSchema = backupOf({}, {});

/** The same of a job that runs, as libvirt keeps it between restarts. */
export const backupJobSchema = backupOf(
  {
    state: maybe("state", oneOf("running", "complete", "failed", "cancelling", "cancelled")),
    index: maybe("index", int()),
  },
  { privateData: kept("privateData") },
);

/** A `<domainbackup>` document as a value. */
export type BackupDefinition = ModelOf<typeof backupSchema>;
export type BackupJob = ModelOf<typeof backupJobSchema>;
