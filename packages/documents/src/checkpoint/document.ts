import { domainSchema } from "../domain/model.ts";
import { without } from "../domain/without.ts";
import { document } from "../schema/document.ts";
import { big, int, nonEmpty, oneOf, pattern, text } from "../schema/kinds.ts";
import { attribute, child, listChild, maybe, optional, textChild } from "../schema/parts.ts";
import { refuseAt } from "../schema/refuse.ts";
import type { ModelOf } from "../schema/schema.ts";
import { element } from "../schema/schema.ts";

/** Such a name is that of a file too, and of bitmaps in images. */
const checkpointName = pattern("letters, digits, _ - and . that do not begin with a point", /^[\w-][\w.-]*$/);

/** The `<domaincheckpoint>` document: since when to know what has changed on which disks. */
export const checkpointSchema = element({
  name: optional(textChild("name", checkpointName)),
  description: optional(textChild("description", text)),
  parent: optional(child("parent", element({ name: textChild("name", checkpointName) }))),
  /** Seconds since 1970. */
  creationTime: optional(textChild("creationTime", int())),
  disks: optional(
    listChild(
      "disks",
      "disk",
      element({
        name: attribute("name", nonEmpty),
        checkpoint: maybe("checkpoint", oneOf("no", "bitmap")),
        bitmap: maybe("bitmap", nonEmpty),
        /** Bytes that have changed since; only told when it is asked for. */
        size: maybe("size", big),
      }),
    ),
  ),
  domain: optional(child("domain", domainSchema)),
});

/** A `<domaincheckpoint>` document as a value. */
export interface CheckpointDefinition extends ModelOf<typeof checkpointSchema> {}

const checkpointDocument = document("domaincheckpoint", checkpointSchema, ({ disks }) => {
  disks?.forEach((disk, i) => {
    if (disk.checkpoint === "no" && disk.bitmap !== undefined)
      refuseAt(
        `/domaincheckpoint/disks/disk[${i + 1}]`,
        `checkpoint="no" has no bitmap: leave one of them out`,
      );
  });
});

/**
 * Reads and checks a checkpoint: one that is asked for, or one that there is.
 * @throws XML_SYNTAX, XML_FORBIDDEN, XML_LIMIT, XML_UNKNOWN, XML_INVALID with path, line and column
 */
export function parseCheckpoint(xml: string): CheckpointDefinition {
  return checkpointDocument.parse(xml);
}

export function formatCheckpoint(checkpoint: CheckpointDefinition): string {
  return checkpointDocument.format(checkpoint);
}

/** A checkpoint that is to be made, as a user's document asks for it. */
export function requestedCheckpoint(
  checkpoint: CheckpointDefinition,
  creationTime: number,
): CheckpointDefinition {
  const { name, description, disks } = checkpoint;
  return {
    name: name ?? String(creationTime),
    ...(description === undefined ? {} : { description }),
    creationTime,
    ...(disks === undefined ? {} : { disks: disks.map(withMethod) }),
  };
}

/**
 * A checkpoint that there is, as it is made known again.
 * @throws XML_INVALID when it lacks what only the one who had it can know
 */
export function redefinedCheckpoint(checkpoint: CheckpointDefinition): CheckpointDefinition {
  for (const key of ["name", "creationTime"] as const) {
    if (checkpoint[key] === undefined)
      refuseAt("/domaincheckpoint", `a checkpoint that exists needs a <${key}>`);
  }
  const { disks } = checkpoint;
  return { ...checkpoint, ...(disks === undefined ? {} : { disks: disks.map(withMethod) }) };
}

type CheckpointDisk = NonNullable<CheckpointDefinition["disks"]>[number];

/** Sizes are told, never taken. */
function withMethod(disk: CheckpointDisk): CheckpointDisk {
  return { ...without(disk, "size"), checkpoint: disk.checkpoint ?? "bitmap" };
}
