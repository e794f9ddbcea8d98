import { parseUuid } from "@virtmesh/core/ids";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { sameId } from "../msvm/object-path.ts";

/**
 * What Hyper-V has no place for lies in the guest's notes, behind what people wrote there. It names the guest it was
 * written for, as soon as that has its GUID: a copy of that guest is another one.
 */
export interface Kept {
  readonly uuid?: string;
  readonly title?: string;
  /** A whole definition that has nothing but its metadata. */
  readonly metadata?: string;
}

interface Marked extends Kept {
  readonly system?: string;
  /** Of a checkpoint. */
  readonly description?: string;
}

const MARK = "virtmesh:";
/** Going back to a checkpoint brings its notes back, so that they are those of the guest, and this line. */
const CHECKPOINT_MARK = "virtmesh-checkpoint:";

export function readNotes(
  notes: readonly string[],
  system: string,
): { readonly description: string; readonly kept: Kept } {
  const lines = linesOf(notes);
  const description = lines
    .filter((line) => !line.startsWith(MARK) && !line.startsWith(CHECKPOINT_MARK))
    .join("\n");
  for (const line of lines) {
    const kept = line.startsWith(MARK) ? parse(line.slice(MARK.length)) : undefined;
    if (kept !== undefined && sameId(kept.system ?? system, system) && isWhole(kept))
      return { description, kept };
  }
  return { description, kept: {} };
}

export function writeNotes(
  { uuid, title, description = "" }: Pick<IdentifiedDomain, "uuid" | "title" | "description">,
  metadata: string,
  system: string | undefined,
): readonly string[] {
  const kept = {
    ...(sameId(uuid, system) ? {} : { uuid }),
    ...(title === undefined ? {} : { title }),
    ...(metadata === "" ? {} : { metadata }),
  };
  const mark = Object.keys(kept).length === 0 ? [] : [`${MARK}${JSON.stringify({ system, ...kept })}`];
  // One note: Windows shows only the first.
  return [[...(description === "" ? [] : [description]), ...mark].join("\n")];
}

/** The notes of a checkpoint with what it is to be described as. */
export function withCheckpoint(notes: readonly string[], description: string): readonly string[] {
  const others = linesOf(notes).filter((line) => !line.startsWith(CHECKPOINT_MARK));
  const mark = description === "" ? [] : [`${CHECKPOINT_MARK}${JSON.stringify({ description })}`];
  return [[...others, ...mark].join("\n")];
}

export function checkpointDescription(notes: readonly string[]): string {
  const line = linesOf(notes).find((each) => each.startsWith(CHECKPOINT_MARK)) ?? "";
  return parse(line.slice(CHECKPOINT_MARK.length))?.description ?? "";
}

function linesOf(notes: readonly string[]): readonly string[] {
  return notes.flatMap((note) => note.split(/\r?\n/));
}

/** Somebody may have changed the line: it says nothing then. */
function isWhole({ uuid }: Kept): boolean {
  return uuid === undefined || parseUuid(uuid) !== undefined;
}

/** What people wrote may begin like ours. */
function parse(text: string): Marked | undefined {
  try {
    const read: unknown = JSON.parse(text);
    if (typeof read !== "object" || read === null) return undefined;
    const texts = Object.entries(read).filter(([, value]) => typeof value === "string");
    return Object.fromEntries(texts) as Marked;
  } catch {
    return undefined;
  }
}
