import { expand } from "./macros.ts";
import type { Token } from "./tokens.ts";
import { behindBracket, linesOf, splitAtCommas, unquoted } from "./tokens.ts";

/**
 * What libvirt's own test programs say about their cases. A program lists them with macros that end in a
 * structure being filled and a function being called; both are read here, in their order.
 */
export type Fact =
  /** `struct S name = {...}`, its fields by name. A field that is not set is not there. */
  | { readonly kind: "structure"; readonly type: string; readonly name: string; readonly fields: Fields }
  /** `struct S name[] = {{...}, {...}}`. */
  | {
      readonly kind: "array";
      readonly type: string;
      readonly name: string;
      readonly items: readonly Fields[];
    }
  | { readonly kind: "call"; readonly function: string; readonly arguments: readonly string[] }
  | { readonly kind: "assignment"; readonly to: string; readonly value: string }
  /** `if (text)`: what follows depends on it. */
  | { readonly kind: "condition"; readonly text: string };

/** Strings as what they say; anything else as its text in C, a blank between tokens. */
export type Fields = Readonly<Record<string, string>>;

/** Reads a test program. `given` are macros from outside, as strings: `abs_srcdir`. */
export function readTestProgram(source: string, given: Readonly<Record<string, string>>): readonly Fact[] {
  const lines = linesOf(source);
  const structures = structuresIn(lines.flatMap((line) => (line.directive === undefined ? line.tokens : [])));
  return factsIn(expand(lines, given), structures);
}

/** The structures of one type. */
export function structuresOf(facts: readonly Fact[], type: string): readonly Fields[] {
  return facts.flatMap((fact) => (fact.kind === "structure" && fact.type === type ? [fact.fields] : []));
}

/** What programs whose cases are plain names run their cases with: `virtTestRun("title", helper, "name")`. */
export function argumentsOfRuns(facts: readonly Fact[]): readonly string[] {
  return facts.flatMap((fact) => {
    if (fact.kind !== "call" || fact.function !== "virTestRun") return [];
    const [, , argument = "&"] = fact.arguments;
    return argument.startsWith("&") ? [] : [argument];
  });
}

/** `A | B` as its names. */
export function flagsOf(value: string | undefined): ReadonlySet<string> {
  return new Set((value ?? "").split(/[|()\s]+/).filter((word) => word !== "" && word !== "0"));
}

/** The fields of `struct S {...};` in their order, for structures that are filled by position. */
function structuresIn(tokens: readonly Token[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  tokens.forEach((token, i) => {
    const name = tokens[i + 1];
    if (token.text !== "struct" || name?.kind !== "word" || tokens[i + 2]?.text !== "{") return;
    const body = tokens.slice(i + 3, behindBracket(tokens, i + 2) - 1);
    const fields: string[] = [];
    for (const [at, part] of body.entries()) {
      const next = body[at + 1]?.text;
      if (part.kind === "word" && (next === ";" || next === "," || next === "[")) fields.push(part.text);
    }
    found.set(name.text, fields);
  });
  return found;
}

/** `x |= y` is an assignment of `| y`. */
const CHANGES = new Set(["|", "&", "^"]);

const KEYWORDS = new Set(["if", "while", "for", "switch", "return", "sizeof", "do", "else"]);

function factsIn(
  tokens: readonly Token[],
  structures: ReadonlyMap<string, readonly string[]>,
): readonly Fact[] {
  const facts: Fact[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (token?.kind !== "word") continue;
    const next = tokens[i + 1];
    // `struct S name = {`, and `S name = {` for one that has a name of its own.
    const type = token.text === "struct" ? i + 1 : i;
    if (tokens[type]?.kind === "word" && tokens[type + 1]?.kind === "word" && !KEYWORDS.has(token.text)) {
      const end = takeStructure(tokens, type, structures, facts);
      if (end > i) i = end - 1;
    } else if (token.text === "if" && next?.text === "(") {
      facts.push({ kind: "condition", text: valueOf(tokens.slice(i + 2, behindBracket(tokens, i + 1) - 1)) });
    } else if (next?.text === "(" && !KEYWORDS.has(token.text)) {
      const given = splitAtCommas(tokens.slice(i + 2, behindBracket(tokens, i + 1) - 1));
      facts.push({ kind: "call", function: token.text, arguments: given.map(valueOf) });
    } else if (CHANGES.has(next?.text ?? "") && tokens[i + 2]?.text === "=") {
      const value = valueOf(untilSemicolon(tokens, i + 3));
      facts.push({ kind: "assignment", to: targetBefore(tokens, i), value: `${next?.text} ${value}` });
    } else if (next?.text === "=" && !"{".includes(tokens[i + 2]?.text ?? "{")) {
      facts.push({
        kind: "assignment",
        to: targetBefore(tokens, i),
        value: valueOf(untilSemicolon(tokens, i + 2)),
      });
    }
  }
  return facts;
}

/** `at` is the type. Index behind the initialiser; where there is none, `at`. */
function takeStructure(
  tokens: readonly Token[],
  at: number,
  structures: ReadonlyMap<string, readonly string[]>,
  facts: Fact[],
): number {
  const type = tokens[at]?.text ?? "";
  const name = tokens[at + 1];
  if (name?.kind !== "word") return at;
  const isArray = tokens[at + 2]?.text === "[";
  const equals = isArray ? behindBracket(tokens, at + 2) : at + 2;
  if (tokens[equals]?.text !== "=" || tokens[equals + 1]?.text !== "{") return at;
  const end = behindBracket(tokens, equals + 1);
  const body = tokens.slice(equals + 2, end - 1);
  const names = structures.get(type) ?? [];
  if (!isArray) {
    facts.push({ kind: "structure", type, name: name.text, fields: fieldsOf(body, names) });
  } else {
    const items = splitAtCommas(body).map((item) =>
      item[0]?.text === "{" ? fieldsOf(item.slice(1, -1), names) : { "": valueOf(item) },
    );
    facts.push({ kind: "array", type, name: name.text, items });
  }
  return end;
}

function fieldsOf(body: readonly Token[], names: readonly string[]): Fields {
  const fields: Record<string, string> = {};
  let position = 0;
  for (const part of splitAtCommas(body)) {
    const equals = part.findIndex((token) => token.text === "=");
    if (part[0]?.text === "." && equals > 0) {
      // `. dir` and `.args.flags` alike.
      fields[
        part
          .slice(1, equals)
          .map((t) => t.text)
          .join("")
      ] = valueOf(part.slice(equals + 1));
    } else {
      fields[names[position] ?? String(position)] = valueOf(part);
      position += 1;
    }
  }
  return fields;
}

function valueOf(tokens: readonly Token[]): string {
  const bare = tokens.length > 2 && tokens[0]?.text === "(" && behindBracket(tokens, 0) === tokens.length;
  if (bare) return valueOf(tokens.slice(1, -1));
  if (tokens.length > 0 && tokens.every((token) => token.kind === "string")) {
    return tokens.map((token) => unquoted(token.text)).join("");
  }
  return tokens.map((token) => token.text).join(" ");
}

/** `driver.caps` for the token `caps`. */
function targetBefore(tokens: readonly Token[], at: number): string {
  let from = at;
  while (tokens[from - 1]?.text === "." || tokens[from - 1]?.text === "->") from -= 2;
  return tokens
    .slice(from, at + 1)
    .map((token) => token.text)
    .join("");
}

function untilSemicolon(tokens: readonly Token[], from: number): readonly Token[] {
  const end = tokens.findIndex((token, i) => i >= from && token.text === ";");
  return tokens.slice(from, end < 0 ? undefined : end);
}
