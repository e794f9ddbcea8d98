import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DrainHostRequest } from "@virtmesh/api/gen/virtmesh/v1/host";
import {
  type DrainFact,
  type DrainState,
  newDrain,
  type NewGuest,
  noteFact,
  noteMoving,
  type Verdict,
} from "@virtmesh/core/drain/drain";
import { VirtError } from "@virtmesh/core/errors";
import { LineLog, readLines } from "../journal/line-log.ts";

/** What a drain is about. */
export interface DrainHeader {
  readonly id: string;
  readonly request: DrainHostRequest;
  readonly actor: string;
  readonly trace: string;
  readonly attempts: number;
}

/** What happened, in the order in which it did. */
export type DrainEntry =
  | { readonly entry: "guests"; readonly guests: readonly NewGuest[] }
  | {
      readonly entry: "moving";
      readonly uuid: string;
      readonly destination: string;
      readonly choice: string;
      readonly migration: string;
    }
  | { readonly entry: "moved"; readonly uuid: string }
  | {
      readonly entry: "failed";
      readonly uuid: string;
      readonly reason: string;
      readonly message: string;
      readonly verdict: Verdict;
    }
  | { readonly entry: "cancelled" }
  | { readonly entry: "ended" };

/** A drain as it was when the agent ended. */
export interface StoredDrain {
  readonly header: DrainHeader;
  readonly state: DrainState;
  /** The migration of each guest that moves. */
  readonly migrations: ReadonlyMap<string, string>;
}

const SUFFIX = ".drain.jsonl";

/** Begins the journal of a drain; the header is in the file when it resolves. */
export async function createDrainJournal(dir: string, header: DrainHeader): Promise<LineLog> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const { log } = await LineLog.open(join(dir, header.id + SUFFIX));
  await log.append({
    ...header,
    // For people, and the same for programs.
    request: DrainHostRequest.toJSON(header.request),
    message: Buffer.from(DrainHostRequest.encode(header.request).finish()).toString("base64"),
  });
  return log;
}

/** Goes on with one that is there. */
export async function reopenDrainJournal(dir: string, id: string): Promise<LineLog> {
  return (await LineLog.open(join(dir, id + SUFFIX))).log;
}

/** Drains that had not ended. */
export async function readDrains(dir: string): Promise<readonly StoredDrain[]> {
  const names = (await readdir(dir).catch(() => [])).filter((name) => name.endsWith(SUFFIX));
  const all = await Promise.all(
    names.map(async (name) => parseDrain(join(dir, name), await readFile(join(dir, name), "utf8"))),
  );
  return all.flatMap((drain) => (drain === undefined ? [] : [drain]));
}

/** undefined for one that has ended, or whose first line was not written whole. */
export function parseDrain(path: string, text: string): StoredDrain | undefined {
  const [first, ...rest] = readLines(text).entries;
  if (first === undefined) return undefined;
  const header = headerOf(path, first);
  let state = newDrain([], header.attempts);
  const migrations = new Map<string, string>();
  const note = (fact: DrainFact): void => {
    ({ state } = noteFact(state, fact, { places: [], parallel: 0 }));
  };
  for (const entry of rest as readonly StoredEntry[]) {
    switch (entry.entry) {
      case "guests":
        note({
          fact: "found",
          guests: entry.guests.map((g) => ({ ...g, memoryBytes: BigInt(g.memoryBytes) })),
        });
        break;
      case "moving":
        // Its retry was due.
        state = noteMoving(state, entry.uuid, entry.destination, entry.choice);
        migrations.set(entry.uuid, entry.migration);
        break;
      case "moved":
        note({ fact: "moved", uuid: entry.uuid });
        break;
      case "failed":
        note({ ...entry, fact: "failed" });
        break;
      case "cancelled":
        note({ fact: "cancelled" });
        break;
      case "ended":
        return undefined;
    }
  }
  // Whoever waited for another attempt has waited long enough.
  for (const { uuid } of state.guests) note({ fact: "retryDue", uuid });
  return { header, state, migrations };
}

/** JSON has no bigint. */
type StoredEntry =
  | Exclude<DrainEntry, { entry: "guests" }>
  | {
      readonly entry: "guests";
      readonly guests: readonly (Omit<NewGuest, "memoryBytes"> & { readonly memoryBytes: string })[];
    };

export function toStored(entry: DrainEntry): StoredEntry {
  if (entry.entry !== "guests") return entry;
  return { entry: "guests", guests: entry.guests.map((g) => ({ ...g, memoryBytes: String(g.memoryBytes) })) };
}

function headerOf(path: string, value: unknown): DrainHeader {
  const h = (typeof value === "object" && value !== null ? value : {}) as Partial<
    Record<keyof DrainHeader | "message", unknown>
  >;
  const { id, actor, trace, attempts, message } = h;
  if (
    typeof id !== "string" ||
    typeof actor !== "string" ||
    typeof trace !== "string" ||
    typeof attempts !== "number" ||
    typeof message !== "string"
  ) {
    throw new VirtError("HOST_SETUP", `${path} is no journal of a drain; move it away to begin without it`);
  }
  return { id, actor, trace, attempts, request: DrainHostRequest.decode(Buffer.from(message, "base64")) };
}
