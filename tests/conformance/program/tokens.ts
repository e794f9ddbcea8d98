/** One token of a C file. Strings and characters are kept with their quotes. */
export interface Token {
  readonly text: string;
  readonly kind: "word" | "string" | "number" | "punctuation";
}

/** A line of a C file without its comments: a preprocessor directive, or tokens of the program. */
export type Line =
  | { readonly directive: string; readonly rest: string }
  | { readonly directive: undefined; readonly tokens: readonly Token[] };

const COMMENT_OR_STRING = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g;
const TOKEN =
  /\s*(?:(?<word>[A-Za-z_]\w*)|(?<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?<number>\d[\w.]*)|(?<punctuation>##|->|<<|>>|[=!<>&|]=?|\S))/gy;
const ESCAPE = /\\(?:([0-7]{1,3})|x([0-9a-fA-F]+)|(.))/g;
const CONTROL: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  a: "\x07",
  b: "\b",
  f: "\f",
  v: "\v",
};

/** The lines of a C file, continued lines joined and comments gone. */
export function linesOf(source: string): readonly Line[] {
  const joined = source.replace(/\\\r?\n/g, " ");
  const bare = joined.replace(COMMENT_OR_STRING, (found) => (found.startsWith("/") ? " " : found));
  return bare.split("\n").map((line): Line => {
    const directive = /^\s*#\s*(\w+)\s*(.*)$/.exec(line);
    if (directive) return { directive: directive[1] ?? "", rest: (directive[2] ?? "").trim() };
    return { directive: undefined, tokens: tokensOf(line) };
  });
}

export function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  for (const { groups = {} } of text.trimEnd().matchAll(TOKEN)) {
    for (const kind of ["word", "string", "number", "punctuation"] as const) {
      const found = groups[kind];
      if (found !== undefined) tokens.push({ kind, text: found });
    }
  }
  return tokens;
}

/** What a string literal says. */
export function unquoted(literal: string): string {
  return literal
    .slice(1, -1)
    .replace(ESCAPE, (_, octal?: string, hex?: string, char?: string) =>
      octal !== undefined
        ? String.fromCharCode(Number.parseInt(octal, 8))
        : hex !== undefined
          ? String.fromCharCode(Number.parseInt(hex, 16))
          : (CONTROL[char ?? ""] ?? char ?? ""),
    );
}

/** Splits at commas outside brackets. Nothing at all is no part. */
export function splitAtCommas(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if ("([{".includes(token.text)) depth += 1;
    if (")]}".includes(token.text)) depth -= 1;
    if (token.text === "," && depth === 0) parts.push([]);
    else parts.at(-1)?.push(token);
  }
  // A list may end with a comma.
  if (parts.at(-1)?.length === 0) parts.pop();
  return parts;
}

/** Index behind the bracket that closes the one at `open`. */
export function behindBracket(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let i = open; i < tokens.length; i++) {
    const text = tokens[i]?.text ?? "";
    if ("([{".includes(text)) depth += 1;
    if (")]}".includes(text) && --depth === 0) return i + 1;
  }
  return tokens.length;
}
