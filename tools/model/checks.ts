/** Files of docs/model: the hand-over, and what post-copy does otherwise. */
export type ModelName = "migration" | "postcopy";

/** One question to a model. */
export interface ModelCheck {
  readonly name: string;
  readonly model: ModelName;
  /** Its -D. */
  readonly definitions: Readonly<Record<string, number>>;
  /** A temporal claim of the model, checked under weak fairness; without one its assertions are. */
  readonly claim?: string;
  readonly mustFail: boolean;
  /** A part of the assertion by which it must fail. */
  readonly by?: string;
}

export interface Verdict {
  readonly states: number;
  /** The assertion or claim that does not hold. */
  readonly violated: string | undefined;
  /** Everything that can be reached was looked at. */
  readonly isComplete: boolean;
}

const holds = (
  name: string,
  definitions: ModelCheck["definitions"],
  more: Partial<Pick<ModelCheck, "claim" | "model">> = {},
): ModelCheck => ({ name, model: "migration", definitions, mustFail: false, ...more });

const ENDS = { claim: "ends" };
const POSTCOPY = { model: "postcopy" } as const;

export const CHECKS: readonly ModelCheck[] = [
  holds("nothing goes wrong", { FAULTS: 0 }),
  holds("any two faults, two disks", { FAULTS: 2, DISKS: 2 }),
  holds("any three faults, one disk", { FAULTS: 3 }),
  holds("any two faults, and an operator who fences", { FAULTS: 2, FENCES: 1 }),
  holds("every fair execution with any one fault ends", { FAULTS: 1 }, ENDS),
  holds("every fair execution with a fence ends", { FAULTS: 1, FENCES: 1 }, ENDS),
  holds("post-copy: nothing goes wrong", { FAULTS: 0 }, POSTCOPY),
  holds("post-copy: any three faults", { FAULTS: 3 }, POSTCOPY),
  holds("post-copy: every fair execution with any two faults ends", { FAULTS: 2 }, { ...POSTCOPY, ...ENDS }),
];

export const DEEP_CHECKS: readonly ModelCheck[] = [
  holds("any four faults, one disk", { FAULTS: 4 }),
  holds("any three faults, two disks", { FAULTS: 3, DISKS: 2 }),
  holds("any three faults, and an operator who fences", { FAULTS: 3, FENCES: 1 }),
  holds("every fair execution with any two faults ends", { FAULTS: 2 }, ENDS),
  holds("post-copy: any four faults", { FAULTS: 4 }, POSTCOPY),
];

const caught = (
  name: string,
  fault: string,
  faults: number,
  more: ModelCheck["definitions"] = {},
): ModelCheck => ({
  name: `caught: ${name}`,
  model: "migration",
  definitions: { FAULTS: faults, [fault]: 1, ...more },
  mustFail: true,
});

/** By the very assertion that the mistake goes against, or (undefined) since it comes to no end. */
const caughtInPostcopy = (
  name: string,
  fault: string,
  faults: number,
  by: string | undefined,
): ModelCheck => ({
  name: `caught in post-copy: ${name}`,
  model: "postcopy",
  definitions: { FAULTS: faults, [fault]: 1, ONLY_SAFE: by === undefined ? 0 : 1 },
  mustFail: true,
  ...(by === undefined ? {} : { by }),
});

/** Mistakes that the model must find, each with as many faults of the world as it takes. */
export const SEEDED_FAULTS: readonly ModelCheck[] = [
  caught("the destination does not wait for the record", "DROP_RECORD", 1),
  caught("the source goes back when a reply is lost", "RESUME_ON_LOST_REPLY", 1),
  caught("READY is taken for a copy", "TRUST_READY", 1),
  caught("doubt is ended by an undecided record", "TRUST_UNDECIDED", 1),
  caught("doubt is ended by a record that says source", "TRUST_RECORD_IN_DOUBT", 3),
  caught("the record is written before the journal", "FORGET_JOURNAL", 1),
  caught("the promise is given before it is durable", "HASTY_PROMISE", 2),
  caught("the destination resumes before its journal", "UNJOURNALLED_RESUME", 2),
  caught("a source in doubt asks nobody", "GIVE_UP_DOUBT", 1),
  caught("the run token is forgotten at a restart", "FORGET_TOKEN", 1),
  caught("an operator fences a host that is not off", "HASTY_TAKE_BACK", 2, { FENCES: 1 }),
  caught("a guest that was not let go on is told as home", "CALL_REFUSED_HOME", 2),
  caughtInPostcopy("the guest runs before the record", "RUN_BEFORE_DECISION", 1, "!(drun)||(rec=="),
  caughtInPostcopy("the decision does not wait for mirrors", "RUN_BEFORE_MIRRORS", 1, "copied"),
  caughtInPostcopy("a source goes back without a promise", "RETURN_WITHOUT_PROMISE", 1, "srun&&drun"),
  caughtInPostcopy("a source goes back when the link breaks", "RESUME_ON_BROKEN_LINK", 1, "srun&&drun"),
  caughtInPostcopy("a promise for a guest that may have run", "PROMISE_AFTER_CONT", 1, "srun&&everRan"),
  caughtInPostcopy("a broken link ends the guest", "ABANDON_ON_BROKEN_LINK", 1, "!(sAlive)"),
  caughtInPostcopy("a guest that is whole is ended unasked", "ABANDON_UNASKED", 2, "came<2"),
  caughtInPostcopy("a restart forgets that the guest is lost", "FORGET_LOSS", 2, "heardLost"),
  caughtInPostcopy("a guest of unknown memory is told as moved", "CALL_UNKNOWN_WHOLE", 2, "came==2"),
  caughtInPostcopy("a promise is not heard while memory comes", "IGNORE_PROMISE", 1, undefined),
  caughtInPostcopy("a broken link is not tried again", "NEVER_RECOVER", 1, undefined),
];

/** What pan said: its last lines have the numbers. */
export function verdictOf(output: string): Verdict {
  const states = Number(/([0-9.e+]+) states, stored/.exec(output)?.[1] ?? 0);
  const errors = Number(/errors: (\d+)/.exec(output)?.[1] ?? -1);
  const assertion = /assertion violated\s+(.*?) \(at depth/s.exec(output)?.[1];
  const cycle = /acceptance cycle/.test(
    output.split("State-vector")[0]?.replace(/acceptance.*cycles.*\+/g, "") ?? "",
  );
  const violated =
    errors > 0
      ? (assertion?.replaceAll(/\s/g, "").slice(0, 60) ??
        (cycle ? "an execution that never ends" : "a claim"))
      : undefined;
  const isComplete =
    errors === 0 && !/Search not completed|max search depth too small|out of memory/i.test(output);
  return { states, violated, isComplete };
}
