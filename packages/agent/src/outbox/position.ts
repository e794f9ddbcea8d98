import { readFile, rename, writeFile } from "node:fs/promises";

/** How far the outbox has been emptied. */
export interface Position {
  /** Number of the first record that waits. */
  readonly next: number;
  /** Id of the event before it; empty when none was sent. */
  readonly lastSentId: string;
}

const START: Position = { next: 0, lastSentId: "" };

/** The place that was written last; the start when there is none. A text that is no position is told by `onDamage`. */
export async function readPosition(path: string, onDamage: (text: string) => void): Promise<Position> {
  const text = await readFile(path, "utf8").catch((e: NodeJS.ErrnoException) => {
    if (e.code === "ENOENT") return undefined;
    throw e;
  });
  if (text === undefined) return START;
  const position = parsePosition(text);
  if (!position) onDamage(text);
  return position ?? START;
}

/**
 * Replaces the file, so that a process that dies leaves the old one or the new one, whole. It is not synced: a
 * place that is too old, or gone after a power failure, is put right by asking NATS what it has.
 */
export async function writePosition(path: string, position: Position): Promise<void> {
  const temporary = `${path}.new`;
  await writeFile(temporary, formatPosition(position), { mode: 0o600 });
  await rename(temporary, path);
}

/** One line that a person can read: `next 4711 last 6f1c...-.4710`. */
export function formatPosition({ next, lastSentId }: Position): string {
  return `next ${next} last ${JSON.stringify(lastSentId)}\n`;
}

export function parsePosition(text: string): Position | undefined {
  const m = /^next (\d{1,16}) last (".*")\n$/s.exec(text);
  if (!m) return undefined;
  try {
    const lastSentId: unknown = JSON.parse(m[2] ?? "");
    return typeof lastSentId === "string" ? { next: Number(m[1]), lastSentId } : undefined;
  } catch (e) {
    if (e instanceof SyntaxError) return undefined;
    throw e;
  }
}
