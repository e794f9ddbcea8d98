import { createHash } from "node:crypto";

/** The same choices for the same seed. */
export class Chance {
  readonly seed: string;
  #drawn = 0;

  constructor(seed: string) {
    this.seed = seed;
  }

  pick<T>(name: string, from: readonly [T, ...T[]]): T {
    const digest = createHash("sha256")
      .update(`${this.seed} ${name} ${this.#drawn++}`)
      .digest();
    return from[digest.readUInt32LE(0) % from.length] ?? from[0];
  }
}

/** The seed of one cell in one round of a run: eight digits. */
export function seedOf(run: string, cell: string, round: number): string {
  return createHash("sha256").update(`${run} ${cell} ${round}`).digest("hex").slice(0, 8);
}
