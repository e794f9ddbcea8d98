import { invalid, type Setting, type Value } from "./setting.ts";

const BLANKS = /(?:[ \t\r]|#[^\n]*)*/y;
const NAME = /[A-Za-z_][\w.]*/y;
const NUMBER = /-?[0-9][0-9a-fx]*/iy;
/** xm's files were programs in Python, which has strings in three quotes as well. */
const STRING = /"""((?:[^\\]|\\.)*?)"""|"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'/sy;

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ '"': '"', "'": "'", "\\": "\\" },
  ...{ a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" },
};

/** Lists in lists at most; xl itself needs two. */
const DEPTH = 8;

/** Reads a file of xl or xm into its settings; of those of one name the last counts. @throws CONFIG_INVALID naming the line */
export function readSettings(source: string): readonly Setting[] {
  const reader = new Reader(source);
  const settings = new Map<string, Setting>();
  for (let setting = reader.setting(settings); setting !== undefined; setting = reader.setting(settings))
    settings.set(setting.key, setting);
  return [...settings.values()];
}

class Reader {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  setting(before: ReadonlyMap<string, Setting>): Setting | undefined {
    do this.#blanks(true);
    while (this.#take(";"));
    if (this.#at === this.#source.length) return undefined;
    const { line } = this;
    const key = this.#match(NAME)?.[0];
    if (key === undefined) throw this.#unexpected("the name of a setting");
    this.#blanks(false);
    const adds = this.#take("+=");
    if (!adds && !this.#take("=")) throw this.#unexpected(`= behind ${key}`);
    this.#blanks(false);
    const value = this.#value(0);
    this.#blanks(false);
    if (this.#at < this.#source.length && !this.#take("\n") && !this.#take(";"))
      throw this.#unexpected(`the end of the line behind ${key}`);
    return { key, line, value: adds ? added(before.get(key)?.value, value, key, line) : value };
  }

  get line(): number {
    return this.#source.slice(0, this.#at).split("\n").length;
  }

  #value(depth: number): Value {
    const { line } = this;
    const string = this.#match(STRING);
    if (string !== undefined) return unescaped(string[1] ?? string[2] ?? string[3] ?? "", line);
    const number = this.#match(NUMBER)?.[0];
    if (number !== undefined) return numberIn(number, line);
    if (!this.#take("[")) throw this.#unexpected("a string in quotes, a number or a list");
    if (depth === DEPTH) throw invalid(line, `lists are nested more than ${DEPTH} deep`);
    const items: Value[] = [];
    for (;;) {
      this.#blanks(true);
      if (this.#take("]")) return items;
      if (items.length > 0) {
        if (!this.#take(",")) throw this.#unexpected("a comma or the end of the list");
        this.#blanks(true);
        if (this.#take("]")) return items;
      }
      items.push(this.#value(depth + 1));
    }
  }

  #blanks(lines: boolean): void {
    do this.#match(BLANKS);
    while (lines && this.#take("\n"));
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source);
    if (found !== null) this.#at += found[0].length;
    return found ?? undefined;
  }

  #unexpected(wanted: string) {
    const [rest = ""] = this.#source.slice(this.#at).split("\n");
    return invalid(this.line, `${wanted} was expected, not "${rest.slice(0, 40)}"`);
  }
}

function unescaped(text: string, line: number): string {
  return text.replace(/\\(.)/gs, (_, c: string) => {
    const meant = ESCAPES[c];
    // xl reads the numbers of characters and then drops the characters.
    if (meant === undefined)
      throw invalid(line, `"\\${c}" in a string stands for no character that xl knows`);
    return meant;
  });
}

/** As C has it: 0x10 is sixteen, 010 eight. */
function numberIn(text: string, line: number): number {
  const [, sign = "", digits = ""] = /^(-?)(.*)$/.exec(text) ?? [];
  const isNumber = /^(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)$/i.test(digits);
  const number = Number(/^0[0-7]/.test(digits) ? `0o${digits}` : digits);
  if (!isNumber || !Number.isSafeInteger(number)) throw invalid(line, `"${text}" is no whole number`);
  return sign === "" ? number : -number;
}

function added(before: Value | undefined, value: Value, key: string, line: number): Value {
  if (before === undefined) return value;
  if (typeof before === "string" && typeof value === "string") return before + value;
  if (typeof before === "object" && typeof value === "object") return [...before, ...value];
  throw invalid(line, `what ${key} += adds must be of the same kind as what ${key} has: a list or a string`);
}
