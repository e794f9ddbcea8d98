import { VirtError } from "@virtmesh/core/errors";
import { JsonFile } from "../journal/json-file.ts";

/** How much a host migrates at once. Bandwidth in bytes a second, 0 without a limit. */
export interface Limits {
  /** Migrations from this host at once. */
  readonly outgoing: number;
  /** To this host. */
  readonly incoming: number;
  /** From this host to any one other. */
  readonly perLink: number;
  readonly outgoingBandwidth: bigint;
  readonly incomingBandwidth: bigint;
  readonly linkBandwidth: bigint;
}

export const DEFAULT_LIMITS: Limits = {
  outgoing: 4,
  incoming: 4,
  perLink: 4,
  outgoingBandwidth: 0n,
  incomingBandwidth: 0n,
  linkBandwidth: 0n,
};

export const MAX_MIGRATIONS = 1_000;

/** The limits of this host: as configured, and what was changed since, which outlives the agent and wins. */
export class LimitsStore {
  readonly #configured: Limits;
  readonly #file: JsonFile;
  readonly #listeners = new Set<() => void>();
  #changed: Partial<Limits>;

  private constructor(path: string, configured: Limits, changed: Partial<Limits>) {
    this.#configured = configured;
    this.#changed = changed;
    this.#file = new JsonFile(path, () => toJson(this.#changed));
  }

  static async open(path: string, configured: Partial<Limits> = {}): Promise<LimitsStore> {
    const all = { ...DEFAULT_LIMITS, ...configured };
    return new LimitsStore(path, all, fromJson(path, await JsonFile.read(path)));
  }

  get now(): Limits {
    return { ...this.#configured, ...this.#changed };
  }

  /** In force at once, durable when it resolves. */
  async change(change: Partial<Limits>): Promise<void> {
    this.#changed = { ...this.#changed, ...change };
    for (const listener of [...this.#listeners]) listener();
    await this.#file.save();
  }

  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
}

function toJson(limits: Partial<Limits>): object {
  return Object.fromEntries(
    Object.entries(limits).map(([name, value]) => [name, typeof value === "bigint" ? String(value) : value]),
  );
}

function fromJson(path: string, content: unknown): Partial<Limits> {
  if (content === undefined) return {};
  const bad = (why: string): VirtError =>
    new VirtError("HOST_SETUP", `${path} has no limits of migrations in it: ${why}; mend or remove it`);
  if (typeof content !== "object" || content === null) throw bad("it is no object");
  const limits: Record<string, number | bigint> = {};
  for (const [name, value] of Object.entries(content)) {
    if (!(name in DEFAULT_LIMITS)) throw bad(`"${name}" is none`);
    const isCount = typeof DEFAULT_LIMITS[name as keyof Limits] === "number";
    if (isCount && Number.isInteger(value)) limits[name] = value as number;
    else if (!isCount && typeof value === "string" && /^\d+$/.test(value)) limits[name] = BigInt(value);
    else throw bad(`"${name}" is ${JSON.stringify(value)}`);
  }
  return limits;
}
