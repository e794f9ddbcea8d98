/** States of a container, in the order in which liblxc numbers them. */
const STATES = [
  "STOPPED",
  "STARTING",
  "RUNNING",
  "STOPPING",
  "ABORTING",
  "FREEZING",
  "FROZEN",
  "THAWED",
] as const;
export type LxcState = (typeof STATES)[number];

/** What liblxc tells whoever listens. */
export type LxcRecord =
  | { readonly kind: "state"; readonly container: string; readonly state: LxcState }
  /** How the first process of the container ended, as wait(2) has it. */
  | { readonly kind: "exit"; readonly container: string; readonly status: number };

/** `int32 type; char name[256]; int32 value`, in the machine's order of bytes. */
export const RECORD_BYTES = 264;
const NAME_AT = 4;
const VALUE_AT = 260;

export function stateOf(number: number): LxcState | undefined {
  return STATES[number];
}

/** Records out of a stream that is cut anywhere. */
export class RecordReader {
  #rest = Buffer.alloc(0);

  /** The records that are whole now; those of kinds that are not known here are left out. */
  read(chunk: Uint8Array): readonly LxcRecord[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const records: LxcRecord[] = [];
    while (this.#rest.length >= RECORD_BYTES) {
      const record = decode(this.#rest.subarray(0, RECORD_BYTES));
      if (record !== undefined) records.push(record);
      this.#rest = this.#rest.subarray(RECORD_BYTES);
    }
    return records;
  }
}

function decode(bytes: Buffer): LxcRecord | undefined {
  const name = bytes.subarray(NAME_AT, VALUE_AT);
  const end = name.indexOf(0);
  const container = name.subarray(0, end < 0 ? name.length : end).toString("utf8");
  const value = bytes.readInt32LE(VALUE_AT);
  const state = stateOf(value);
  switch (bytes.readInt32LE(0)) {
    case 0:
      return state === undefined ? undefined : { kind: "state", container, state };
    case 2:
      return { kind: "exit", container, status: value };
    default:
      return undefined;
  }
}
