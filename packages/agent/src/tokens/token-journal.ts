import { JsonFile } from "../journal/json-file.ts";

/** What this agent knows for certain of a guest's run token. */
export interface TokenEntry {
  /** This host may run the guest. */
  readonly held: boolean;
  readonly generation: bigint;
  /** The bucket `owners` is known to say the same. */
  readonly published: boolean;
  /** The guest is gone from here and the bucket has still to be told. */
  readonly releasing: boolean;
  /** Who holds it, when it was handed over; empty when not known. */
  readonly elsewhere: string;
}

interface StoredEntry {
  readonly held: boolean;
  readonly generation: string;
  readonly published: boolean;
  readonly releasing: boolean;
  readonly elsewhere: string;
}

/** The run tokens of this agent, on disk: what decides whether a guest may start while NATS is away. */
export class TokenJournal {
  readonly #entries: Map<string, TokenEntry>;
  readonly #file: JsonFile;

  private constructor(path: string, entries: Map<string, TokenEntry>) {
    this.#entries = entries;
    this.#file = new JsonFile(path, () =>
      Object.fromEntries(
        [...entries].map(([uuid, e]) => [uuid, { ...e, generation: e.generation.toString() }]),
      ),
    );
  }

  static async open(path: string): Promise<TokenJournal> {
    const content = await JsonFile.read(path);
    const entries = new Map<string, TokenEntry>();
    if (typeof content === "object" && content !== null) {
      for (const [uuid, entry] of Object.entries(content)) {
        if (isEntry(entry)) entries.set(uuid, { ...entry, generation: BigInt(entry.generation) });
      }
    }
    return new TokenJournal(path, entries);
  }

  get(uuid: string): TokenEntry | undefined {
    return this.#entries.get(uuid);
  }

  list(): readonly (readonly [string, TokenEntry])[] {
    return [...this.#entries];
  }

  /** In memory at once; durable when it resolves. */
  set(uuid: string, entry: TokenEntry): Promise<void> {
    this.#entries.set(uuid, entry);
    return this.#file.save();
  }

  delete(uuid: string): Promise<void> {
    if (!this.#entries.delete(uuid)) return Promise.resolve();
    return this.#file.save();
  }

  settled(): Promise<void> {
    return this.#file.settled();
  }
}

function isEntry(value: unknown): value is StoredEntry {
  if (typeof value !== "object" || value === null) return false;
  const e = value as Partial<Record<keyof StoredEntry, unknown>>;
  return (
    typeof e.held === "boolean" &&
    typeof e.published === "boolean" &&
    typeof e.releasing === "boolean" &&
    typeof e.elsewhere === "string" &&
    typeof e.generation === "string" &&
    /^\d+$/.test(e.generation)
  );
}
