import { VirtError } from "@virtmesh/core/errors";
import { JsonFile } from "../journal/json-file.ts";

interface Standing {
  readonly cordoned: boolean;
  readonly reason: string;
  readonly actor: string;
  readonly sinceMs: number;
}

const OPEN: Standing = { cordoned: false, reason: "", actor: "", sinceMs: 0 };

/** Whether new guests may come to this host. Outlives the agent. */
export class Cordon {
  readonly #host: string;
  readonly #file: JsonFile;
  readonly #listeners = new Set<() => void>();
  #standing: Standing;

  private constructor(host: string, path: string, standing: Standing) {
    this.#host = host;
    this.#standing = standing;
    this.#file = new JsonFile(path, () => this.#standing);
  }

  static async open(host: string, path: string): Promise<Cordon> {
    const content = await JsonFile.read(path);
    if (content !== undefined && !isStanding(content)) {
      throw new VirtError(
        "HOST_SETUP",
        `${path} does not say whether this host takes new guests; mend or remove it`,
      );
    }
    return new Cordon(host, path, content ?? OPEN);
  }

  get cordoned(): boolean {
    return this.#standing.cordoned;
  }

  get reason(): string {
    return this.#standing.reason;
  }

  /** In force at once, durable when it resolves. */
  async set(cordoned: boolean, reason: string, actor: string): Promise<void> {
    this.#standing = cordoned ? { cordoned, reason, actor, sinceMs: Date.now() } : OPEN;
    for (const listener of [...this.#listeners]) listener();
    await this.#file.save();
  }

  /** The sentence for whoever is refused. */
  get refusal(): string {
    const { reason, sinceMs } = this.#standing;
    const why = reason === "" ? "" : ` (${reason})`;
    return `${this.#host} takes no new guests since ${new Date(sinceMs).toISOString()}${why}; uncordon it, or choose another host`;
  }

  /** @throws HOST_CORDONED */
  check(): void {
    if (!this.cordoned) return;
    throw new VirtError("HOST_CORDONED", this.refusal, { metadata: { host: this.#host } });
  }

  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
}

function isStanding(value: unknown): value is Standing {
  if (typeof value !== "object" || value === null) return false;
  const s = value as Partial<Record<keyof Standing, unknown>>;
  return (
    typeof s.cordoned === "boolean" &&
    typeof s.reason === "string" &&
    typeof s.actor === "string" &&
    typeof s.sinceMs === "number"
  );
}
