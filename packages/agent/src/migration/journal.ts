import { constants } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { MigrationOffer } from "@virtmesh/core/driver/migration";
import { VirtError } from "@virtmesh/core/errors";
import type { MigrationId } from "@virtmesh/core/ids";
import type { DestinationEntry } from "@virtmesh/core/migration/destination-state";
import type { SourceEntry } from "@virtmesh/core/migration/source-state";

/** What one agent has made durable of one migration: a JSON object a line, the offer first. */
export type JournalSide = "source" | "destination";

export interface JournalHeader {
  readonly side: JournalSide;
  readonly offer: MigrationOffer;
  readonly sourceUri: string;
  readonly destinationUri: string;
  /** Remove the definition from the source at the end. */
  readonly undefineSource: boolean;
  readonly startedAtMs: number;
  readonly actor: string;
  readonly trace: string;
}

/**
 * Beside the machines' own entries: an operator's taking back that NATS may have heard of, a fence still to be put up, one
 * that stands, a record that was closed, and the end.
 */
export type JournalEntry =
  | SourceEntry
  | DestinationEntry
  | ("takingBack" | "fencing" | "fenced" | "closed" | "ended");

export interface JournalLine {
  readonly entry: JournalEntry;
  readonly atMs: number;
  /** For people: why, or how it ended. */
  readonly note?: string;
}

export interface JournalFile {
  readonly header: JournalHeader;
  readonly lines: readonly JournalLine[];
}

export class MigrationJournal implements AsyncDisposable {
  readonly #file: FileHandle;
  #last: Promise<void> = Promise.resolve();
  /** The file may end in a part of a line: what is written next begins another one. */
  #torn: boolean;

  private constructor(file: FileHandle, torn: boolean) {
    this.#file = file;
    this.#torn = torn;
  }

  /**
   * Durable when it resolves, and so is the file's name; nothing is left of it when it throws.
   * @throws WRONG_STATE when there is one for this migration and side.
   */
  static async create(dir: string, header: JournalHeader, first?: JournalEntry): Promise<MigrationJournal> {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const path = pathOf(dir, header.offer.plan.id, header.side);
    const file = await open(path, "ax", 0o600).catch((e: unknown) => {
      throw new VirtError(
        "WRONG_STATE",
        `migration ${header.offer.plan.id} is known here already`,
        {},
        { cause: e },
      );
    });
    const journal = new MigrationJournal(file, false);
    try {
      const head = JSON.stringify(header, bigintOut);
      await journal.#write(first === undefined ? head : `${head}\n${lineText(first)}`);
      await syncDirectory(dir);
      return journal;
    } catch (e) {
      await file.close();
      await rm(path);
      throw e;
    }
  }

  /** Goes on with one that is there: a new one would have no header. */
  static async reopen(dir: string, id: MigrationId, side: JournalSide): Promise<MigrationJournal> {
    const path = pathOf(dir, id, side);
    const file = await open(path, constants.O_WRONLY | constants.O_APPEND);
    return new MigrationJournal(file, !(await readFile(path, "utf8")).endsWith("\n"));
  }

  /**
   * Durable when it resolves; entries reach the disk in the order of the calls. One that the disk did not take is its
   * caller's, and does not stop the next.
   */
  append(entry: JournalEntry, note?: string): Promise<void> {
    const text = lineText(entry, note);
    const written = this.#last.then(() => this.#write(text));
    this.#last = written.catch(() => undefined);
    return written;
  }

  async #write(text: string): Promise<void> {
    const begin = this.#torn ? "\n" : "";
    this.#torn = true;
    // `write` may take a part and say so only by its number.
    await this.#file.appendFile(`${begin}${text}\n`);
    this.#torn = false;
    await this.#file.datasync();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    await this.#file.close();
  }
}

function lineText(entry: JournalEntry, note?: string): string {
  return JSON.stringify({
    entry,
    atMs: Date.now(),
    ...(note === undefined ? {} : { note }),
  } satisfies JournalLine);
}

/** Promise never to run a guest of a migration that this agent knows nothing of, durably. */
export async function journalRefusal(dir: string, id: MigrationId): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const file = await open(refusalOf(dir, id), "a", 0o600);
  try {
    await file.appendFile(`${lineText("promised")}\n`);
    await file.datasync();
  } finally {
    await file.close();
  }
  await syncDirectory(dir);
}

export async function isRefused(dir: string, id: MigrationId): Promise<boolean> {
  return (await readText(refusalOf(dir, id))) !== undefined;
}

/** undefined when there is none. A torn line, the trace of a power cut or a full disk, counts as not written. */
export async function readJournal(
  dir: string,
  id: MigrationId,
  side: JournalSide,
): Promise<JournalFile | undefined> {
  const text = (await readText(pathOf(dir, id, side))) ?? (await readText(ranOf(dir, id, side)));
  return text === undefined ? undefined : parseJournal(text);
}

export async function readJournals(dir: string): Promise<readonly JournalFile[]> {
  const names = await readdir(dir).catch((e: unknown) => {
    if (isMissing(e)) return [];
    throw e;
  });
  const files: JournalFile[] = [];
  for (const name of names.filter((n) => n.endsWith(".source.jsonl") || n.endsWith(".destination.jsonl"))) {
    const file = parseJournal((await readText(join(dir, name))) ?? "");
    if (file !== undefined) files.push(file);
  }
  return files;
}

/**
 * Forgets journals that ended long ago. Where the guest ran, the journal of its destination only goes out of the way: a
 * source that was off for all that time must still be told, else it would be promised that the guest never ran here.
 */
export async function pruneJournals(dir: string, olderThanMs: number): Promise<void> {
  for (const { header, lines } of await readJournals(dir)) {
    const end = lines.find((l) => l.entry === "ended");
    if (end === undefined || end.atMs >= olderThanMs) continue;
    const { side, offer } = header;
    const path = pathOf(dir, offer.plan.id, side);
    const ran = side === "destination" && lines.some((l) => l.entry === "resumed" || l.entry === "lost");
    if (ran) await rename(path, ranOf(dir, offer.plan.id, side));
    else await rm(path);
  }
}

export function parseJournal(text: string): JournalFile | undefined {
  const lines = text.split("\n");
  // Whatever follows the last newline was not written whole.
  lines.pop();
  const [head, ...rest] = lines;
  if (head === undefined) return undefined;
  return {
    header: JSON.parse(head, bigintIn) as JournalHeader,
    lines: rest.flatMap((l) => lineOf(l)),
  };
}

/** Nothing for one that was torn: what was appended behind it begins a line of its own. */
function lineOf(text: string): readonly JournalLine[] {
  try {
    return [JSON.parse(text) as JournalLine];
  } catch {
    return [];
  }
}

function pathOf(dir: string, id: MigrationId, side: JournalSide): string {
  return join(dir, `${id}.${side}.jsonl`);
}

/** One of long ago whose guest ran on its destination. */
function ranOf(dir: string, id: MigrationId, side: JournalSide): string {
  return join(dir, `${id}.${side}.ran.jsonl`);
}

function refusalOf(dir: string, id: MigrationId): string {
  return join(dir, `${id}.refused.jsonl`);
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (e) {
    if (isMissing(e)) return undefined;
    throw e;
  }
}

function isMissing(e: unknown): boolean {
  return typeof e === "object" && e !== null && "code" in e && e.code === "ENOENT";
}

async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function bigintOut(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? { $bigint: value.toString() } : value;
}

function bigintIn(_key: string, value: unknown): unknown {
  if (typeof value === "object" && value !== null && "$bigint" in value) return BigInt(String(value.$bigint));
  return value;
}
