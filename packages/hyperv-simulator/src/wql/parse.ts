import type { AssociationQuery, Condition, Literal, Operand, Operator, Query, SelectQuery } from "./query.ts";

export class WqlError extends Error {
  override readonly name = "WqlError";
}

interface Token {
  readonly kind: "word" | "string" | "number" | "sign";
  readonly text: string;
}

const TOKEN =
  /\s*(?:(["'])((?:\\.|(?!\1).)*)\1|(-?\d+(?:\.\d+)?)|([A-Za-z_][\w.]*)|(<>|!=|<=|>=|[=<>(),*]))/y;

function tokens(text: string): readonly Token[] {
  const found: Token[] = [];
  TOKEN.lastIndex = 0;
  const end = text.trimEnd().length;
  while (TOKEN.lastIndex < end) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) throw new WqlError(`"${text.slice(at, at + 20).trim()}" is no part of WQL`);
    const [, quote, string = "", number, word, sign = ""] = match;
    if (quote !== undefined) found.push({ kind: "string", text: string.replaceAll(/\\(["'\\])/g, "$1") });
    else if (number !== undefined) found.push({ kind: "number", text: number });
    else if (word !== undefined) found.push({ kind: "word", text: word });
    else found.push({ kind: "sign", text: sign });
  }
  return found;
}

/** @throws WqlError */
export function parseWql(text: string): Query {
  const association = /^\s*(associators|references)\s+of\s*\{(.*?)\}\s*(?:where\s+(.*))?$/is.exec(text);
  if (association !== null) return parseAssociation(association);
  const reader = new Reader(tokens(text));
  const query = reader.select();
  reader.end();
  return query;
}

function parseAssociation([, verb = "", object = "", where = ""]: RegExpExecArray): AssociationQuery {
  const options = new Map<string, string>();
  let rest = where.trim();
  while (rest !== "") {
    const match = /^(\w+)(?:\s*=\s*(\w+))?\s*/.exec(rest);
    if (match?.[1] === undefined) throw new WqlError(`"${rest}" is no condition of ASSOCIATORS OF`);
    options.set(match[1].toLowerCase(), match[2] ?? "");
    rest = rest.slice(match[0].length);
  }
  const known = ["assocclass", "resultclass", "role", "resultrole", "keysonly", "classdefsonly"];
  const unknown = [...options.keys()].find((key) => !known.includes(key));
  if (unknown !== undefined) throw new WqlError(`"${unknown}" is no condition of ASSOCIATORS OF`);
  return {
    kind: verb.toLowerCase() === "associators" ? "associators" : "references",
    objectPath: object.trim(),
    assocClass: options.get("assocclass"),
    resultClass: options.get("resultclass"),
    role: options.get("role"),
    resultRole: options.get("resultrole"),
    keysOnly: options.has("keysonly"),
  };
}

class Reader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(all: readonly Token[]) {
    this.#tokens = all;
  }

  select(): SelectQuery {
    this.#keyword("select");
    const properties = this.#properties();
    this.#keyword("from");
    const className = this.#word();
    const withinSeconds = this.#isKeyword("within") ? this.#seconds() : undefined;
    const where = this.#isKeyword("where") ? this.#or() : undefined;
    return { kind: "select", properties, className, withinSeconds, where };
  }

  end(): void {
    const left = this.#tokens[this.#at];
    if (left !== undefined) throw new WqlError(`"${left.text}" was not expected`);
  }

  #properties(): readonly string[] | undefined {
    if (this.#isSign("*")) return undefined;
    const names = [this.#word()];
    while (this.#isSign(",")) names.push(this.#word());
    return names;
  }

  #seconds(): number {
    const token = this.#next();
    if (token.kind !== "number") throw new WqlError("WITHIN takes a number of seconds");
    return Number(token.text);
  }

  #or(): Condition {
    let left = this.#and();
    while (this.#isKeyword("or")) left = { kind: "or", left, right: this.#and() };
    return left;
  }

  #and(): Condition {
    let left = this.#not();
    while (this.#isKeyword("and")) left = { kind: "and", left, right: this.#not() };
    return left;
  }

  #not(): Condition {
    if (this.#isKeyword("not")) return { kind: "not", inner: this.#not() };
    if (!this.#isSign("(")) return this.#comparison();
    const inner = this.#or();
    if (!this.#isSign(")")) throw new WqlError("a parenthesis is not closed");
    return inner;
  }

  #comparison(): Condition {
    const left = this.#operand();
    if (this.#isKeyword("is")) {
      const negated = this.#isKeyword("not");
      this.#keyword("null");
      return { kind: "is null", operand: left, negated };
    }
    const operator = this.#operator();
    return { kind: "compare", operator, left, right: this.#operand() };
  }

  #operator(): Operator {
    const { text } = this.#next();
    const lower = text.toLowerCase();
    switch (lower) {
      case "=":
      case "<>":
      case "<":
      case ">":
      case "<=":
      case ">=":
      case "like":
      case "isa":
        return lower;
      case "!=":
        return "<>";
      default:
        throw new WqlError(`"${text}" is no operator`);
    }
  }

  #operand(): Operand {
    const token = this.#next();
    if (token.kind === "string") return literal(token.text);
    if (token.kind === "number") return literal(BigInt(Math.trunc(Number(token.text))));
    if (token.kind === "sign") throw new WqlError(`"${token.text}" was not expected`);
    switch (token.text.toLowerCase()) {
      case "true":
        return literal(true);
      case "false":
        return literal(false);
      case "null":
        return literal(null);
      case "__server":
        return { kind: "server" };
      default:
        return { kind: "property", path: token.text.split(".") };
    }
  }

  #next(): Token {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw new WqlError("the query ends too early");
    return token;
  }

  #word(): string {
    const token = this.#next();
    if (token.kind !== "word") throw new WqlError(`"${token.text}" is no name`);
    return token.text;
  }

  #keyword(word: string): void {
    if (!this.#isKeyword(word)) throw new WqlError(`${word.toUpperCase()} is missing`);
  }

  #isKeyword(word: string): boolean {
    return this.#take((token) => token.kind === "word" && token.text.toLowerCase() === word);
  }

  #isSign(sign: string): boolean {
    return this.#take((token) => token.kind === "sign" && token.text === sign);
  }

  #take(matches: (token: Token) => boolean): boolean {
    const token = this.#tokens[this.#at];
    if (token === undefined || !matches(token)) return false;
    this.#at++;
    return true;
  }
}

function literal(value: Literal): Operand {
  return { kind: "literal", value };
}
