import { VirtError } from "@virtmesh/core/errors";

/** A place in the stream of events that a reader can come back to. */
export interface Place {
  /** Which stream: one that was deleted and made again is another one. */
  readonly stream: string;
  /** Sequence of the last event that was seen; 0 before the first. */
  readonly sequence: number;
  /** Checksum of the id of that event; empty when the place is not behind one certain event. */
  readonly check: string;
}

/** What the stream holds now. */
export interface StreamExtent {
  readonly stream: string;
  readonly first: number;
  readonly last: number;
  /** Checksum of the id of the event at the place's sequence; undefined when it is not there (any more). */
  readonly check: string | undefined;
}

export interface Start {
  /** Sequence to go on with. */
  readonly from: number;
  /** Why events may be missing, or undefined when none are. */
  readonly gap: string | undefined;
}

/** Where to go on behind a place, and whether anything between was lost. */
export function resume(place: Place, extent: StreamExtent): Start {
  if (place.stream !== extent.stream) {
    // An empty stream that has never held anything says that it begins at 0; its first event is number 1.
    return { from: Math.max(1, extent.first), gap: "the stream of events was made anew" };
  }
  if (place.sequence > extent.last) {
    return { from: extent.last + 1, gap: "the event server lost its last events" };
  }
  if (place.check !== "" && extent.check !== undefined && extent.check !== place.check) {
    return { from: place.sequence, gap: "the event server lost events and took new ones in their place" };
  }
  if (place.sequence + 1 < extent.first) {
    return { from: extent.first, gap: `events up to number ${extent.first - 1} are not kept any more` };
  }
  return { from: place.sequence + 1, gap: undefined };
}

const FORM = /^v1\.([0-9a-f]{8})\.([0-9a-z]{1,11})\.([0-9a-f]{0,8})$/;

export function formatToken(place: Place): string {
  return `v1.${place.stream}.${place.sequence.toString(36)}.${place.check}`;
}

export function parseToken(token: string): Place {
  const m = FORM.exec(token);
  const sequence = m ? Number.parseInt(m[2] ?? "", 36) : Number.NaN;
  if (!m || !Number.isSafeInteger(sequence)) {
    throw new VirtError("INVALID_PAGE_TOKEN", `"${token.slice(0, 60)}" is not a resume token of this mesh`, {
      violations: [{ field: "resume_token", description: "not a token that was given out" }],
    });
  }
  return { stream: m[1] ?? "", sequence, check: m[3] ?? "" };
}
