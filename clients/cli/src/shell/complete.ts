import type { Completes, Verb, VerbOption } from "../verb.ts";

/** What to offer: these words, and with `ask` what the mesh or the disk knows. */
export interface Completion {
  readonly words: readonly string[];
  readonly ask: Completes;
  /** What is written so far of the word. */
  readonly prefix: string;
  /** The guest that is named before it; undefined without one. */
  readonly domain: string | undefined;
  /** `-c` of the command line so far; undefined without one. */
  readonly connect: string | undefined;
  /** `--pool` of it. */
  readonly pool: string | undefined;
  readonly gateway: string | undefined;
  readonly tlsDir: string | undefined;
}

/** The names of an option as one types them, and whether a value follows. */
export function namesOf(option: VerbOption): {
  readonly names: readonly string[];
  readonly takesValue: boolean;
} {
  return {
    names: option.flags.split(/[ ,]+/).filter((part) => part.startsWith("-")),
    takesValue: option.flags.includes("<"),
  };
}

/** What can stand at the last of `words` (what follows `virtmesh`; the last one may be empty or unfinished). */
export function completeWords(
  verbs: readonly Verb[],
  globals: readonly VerbOption[],
  words: readonly string[],
): Completion {
  const prefix = words.at(-1) ?? "";
  const values = new Map<string, string>();
  let verb: Verb | undefined;
  const given: string[] = [];
  let pending: VerbOption | undefined;
  for (const word of words.slice(0, -1)) {
    const options = [...(verb?.options ?? []), ...globals];
    if (pending !== undefined) {
      for (const name of namesOf(pending).names) values.set(name, word);
      pending = undefined;
    } else if (word.startsWith("-") && word !== "-") {
      const option = options.find((o) => namesOf(o).names.includes(word));
      if (option !== undefined && namesOf(option).takesValue) pending = option;
    } else if (verb === undefined) {
      verb = verbs.find((v) => v.name === word || v.aliases?.includes(word));
    } else given.push(word);
  }
  const answer = (offered: readonly string[], ask: Completes = "none"): Completion => ({
    words: offered.filter((word) => word.startsWith(prefix)).sort((a, b) => a.localeCompare(b)),
    ask,
    prefix,
    domain: given[(verb?.args ?? []).findIndex((arg) => arg.completes === "domain")],
    connect: values.get("-c"),
    pool: values.get("--pool"),
    gateway: values.get("--gateway"),
    tlsDir: values.get("--tls-dir"),
  });
  if (pending !== undefined) return answer(pending.choices ?? [], pending.completes ?? "none");
  if (prefix.startsWith("-"))
    return answer([...(verb?.options ?? []), ...globals].flatMap((o) => namesOf(o).names));
  if (verb === undefined) return answer(verbs.filter((v) => v.hidden !== true).map((v) => v.name));
  const args = verb.args ?? [];
  const arg = args[given.length] ?? (args.at(-1)?.variadic === true ? args.at(-1) : undefined);
  return answer(arg?.choices ?? [], arg?.completes ?? "none");
}
