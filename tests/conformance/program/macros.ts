import type { Line, Token } from "./tokens.ts";
import { behindBracket, splitAtCommas, tokensOf } from "./tokens.ts";

interface Macro {
  /** undefined for one that takes no brackets. */
  readonly parameters: readonly string[] | undefined;
  readonly variadic: boolean;
  readonly body: readonly Token[];
}

/**
 * The program behind its macros, as far as lists of tests need it: every `#if` counts as true, includes are not
 * followed. `given` are macros from outside, such as the folder of the tests.
 */
export function expand(lines: readonly Line[], given: Readonly<Record<string, string>>): readonly Token[] {
  const macros = new Map<string, Macro>(
    Object.entries(given).map(([name, text]) => [
      name,
      { parameters: undefined, variadic: false, body: [{ kind: "string", text: JSON.stringify(text) }] },
    ]),
  );
  const out: Token[] = [];
  let pending: Token[] = [];
  const skipping: boolean[] = [];
  const flush = (): void => {
    out.push(...expandTokens(pending, macros, new Set()));
    pending = [];
  };
  for (const line of lines) {
    const { directive } = line;
    if (directive === undefined) {
      if (!skipping.includes(true)) pending.push(...line.tokens);
      continue;
    }
    if (/^if(n?def)?$/.test(directive)) skipping.push(directive === "if" && line.rest === "0");
    else if (/^el(if|se)$/.test(directive)) skipping[skipping.length - 1] = skipping.at(-1) !== true;
    else if (directive === "endif") skipping.pop();
    else if (!skipping.includes(true) && (directive === "define" || directive === "undef")) {
      // Macros count from where they are defined to where they are taken back.
      flush();
      if (directive === "undef") macros.delete(line.rest);
      else define(line.rest, macros);
    }
  }
  flush();
  return out;
}

function define(text: string, macros: Map<string, Macro>): void {
  const [, name = "", list, body = ""] = /^(\w+)(?:\(([^)]*)\))?\s*(.*)$/.exec(text) ?? [];
  const names = list === undefined || list.trim() === "" ? [] : list.split(",").map((word) => word.trim());
  const variadic = names.at(-1)?.endsWith("...") === true;
  macros.set(name, {
    parameters:
      list === undefined
        ? undefined
        : names.map((word) => (word === "..." ? "__VA_ARGS__" : word.replace(/\.\.\.$/, ""))),
    variadic,
    body: tokensOf(body),
  });
}

function expandTokens(
  tokens: readonly Token[],
  macros: ReadonlyMap<string, Macro>,
  inside: ReadonlySet<string>,
): readonly Token[] {
  const out: Token[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (token === undefined) break;
    const macro = token.kind === "word" && !inside.has(token.text) ? macros.get(token.text) : undefined;
    if (macro === undefined) {
      out.push(token);
    } else if (macro.parameters === undefined) {
      out.push(...expandTokens(macro.body, macros, new Set([...inside, token.text])));
    } else if (tokens[i + 1]?.text === "(") {
      const end = behindBracket(tokens, i + 1);
      const given = splitAtCommas(tokens.slice(i + 2, end - 1));
      // An argument is expanded before it is put in, the whole once more afterwards.
      const filled = substitute(macro, given, (part) => expandTokens(part, macros, inside));
      out.push(...expandTokens(filled, macros, new Set([...inside, token.text])));
      i = end - 1;
    } else {
      out.push(token);
    }
  }
  return out;
}

function substitute(
  macro: Macro,
  given: readonly (readonly Token[])[],
  expanded: (part: readonly Token[]) => readonly Token[],
): readonly Token[] {
  const names = macro.parameters ?? [];
  const argument = (name: string): readonly Token[] | undefined => {
    const at = names.indexOf(name);
    if (at < 0) return undefined;
    if (!macro.variadic || at < names.length - 1) return given[at] ?? [];
    return given.slice(at).flatMap((part, i) => (i === 0 ? part : [COMMA, ...part]));
  };
  const out: Token[] = [];
  for (let i = 0; i < macro.body.length; i++) {
    const token = macro.body[i];
    if (token === undefined) break;
    const next = macro.body[i + 1];
    if (token.text === "##" && next !== undefined) {
      const left = out.pop();
      const right = argument(next.text) ?? [next];
      i += 1;
      // `, ## __VA_ARGS__`: nothing given takes the comma with it.
      if (left?.text === ",") out.push(...(right.length === 0 ? [] : [left, ...right]));
      else out.push(...pasted(left, right));
    } else if (token.text === "#" && next !== undefined && argument(next.text) !== undefined) {
      i += 1;
      out.push({
        kind: "string",
        text: JSON.stringify((argument(next.text) ?? []).map((t) => t.text).join(" ")),
      });
    } else {
      const found = argument(token.text);
      if (found === undefined) out.push(token);
      else out.push(...(next?.text === "##" ? found : expanded(found)));
    }
  }
  return out;
}

const COMMA: Token = { kind: "punctuation", text: "," };

function pasted(left: Token | undefined, right: readonly Token[]): readonly Token[] {
  const [first, ...rest] = right;
  return [...tokensOf((left?.text ?? "") + (first?.text ?? "")), ...rest];
}
