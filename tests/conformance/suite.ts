import type { Corpus } from "./corpus.ts";

/** What became of a case. */
export type Outcome =
  | {
      readonly kind: "pass";
      /** What was written, and the schema it must follow; checked with all others afterwards. */
      readonly written?: Written;
    }
  | {
      readonly kind: "fail";
      readonly difference: string;
      /** What kinds of difference there are, where the same ones come up in many cases. */
      readonly kinds?: readonly string[];
    }
  | { readonly kind: "skip"; readonly reason: string };

/** A document that the product wrote, with the root of the schemas it belongs to: `network`. */
export interface Written {
  readonly schema: string;
  readonly xml: string;
}

export interface Case {
  /** As the corpus calls it. */
  readonly name: string;
  run(signal: AbortSignal): Outcome | Promise<Outcome>;
}

/** One group of cases of the corpus. */
export interface Suite {
  readonly name: string;
  /** One line: what goes in and what must come out. */
  readonly about: string;
  /** At least this many of a hundred cases must pass. */
  readonly goal: number;
  /** Takes minutes, or changes the host for its time: it runs only when it is asked for by its name. */
  readonly byNameOnly?: boolean;
  /** Which cases there are, as the corpus says it. */
  cases(corpus: Corpus): readonly Case[] | Promise<readonly Case[]>;
}

export const PASS: Outcome = { kind: "pass" };

export function fail(difference: string, kinds?: readonly string[]): Outcome {
  return { kind: "fail", difference, ...(kinds === undefined ? {} : { kinds }) };
}

export function skip(reason: string): Outcome {
  return { kind: "skip", reason };
}
