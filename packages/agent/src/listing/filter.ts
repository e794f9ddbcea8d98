import { VirtError } from "@virtmesh/core/errors";
import type { Field, Fields } from "./fields.ts";

type Operator = "=" | "!=" | ":" | "<" | "<=" | ">" | ">=";

interface Restriction {
  readonly field: string;
  readonly operator: Operator;
  readonly value: string;
}

type Token =
  | { readonly kind: "word" | "text"; readonly text: string; readonly at: number }
  | { readonly kind: "operator"; readonly text: Operator; readonly at: number }
  | { readonly kind: "end"; readonly text: ""; readonly at: number };

const MAX_FILTER_CHARS = 2048;

/**
 * A filter of the AIP-160 subset: restrictions `field operator value` joined by AND (or by nothing, which means
 * the same). Operators: `=`, `!=`, `:` for text (`*` stands for anything; without one `:` means "contains"), and
 * `<`, `<=`, `>`, `>=` for numbers. Throws INVALID_FILTER saying where and what is possible instead.
 */
export function compileFilter<T>(filter: string, fields: Fields<T>): (item: T) => boolean {
  const tests = parseFilter(filter).map((r) => testOf(r, fields));
  return (item) => tests.every((test) => test(item));
}

export function parseFilter(filter: string): Restriction[] {
  if (filter.length > MAX_FILTER_CHARS)
    throw invalid(`the filter has more than ${MAX_FILTER_CHARS} characters`);
  const tokens = tokenize(filter);
  const restrictions: Restriction[] = [];
  let i = 0;
  const next = (): Token => tokens[i++] ?? { kind: "end", text: "", at: filter.length };
  for (let token = next(); token.kind !== "end"; token = next()) {
    if (token.kind === "word" && token.text === "AND") {
      if (restrictions.length === 0) throw invalid(`AND at character ${token.at + 1} has nothing before it`);
      token = next();
    }
    const field = expectField(token);
    const operator = next();
    if (operator.kind !== "operator") {
      throw invalid(`after "${field}" an operator must follow (= != : < <= > >=), not ${describe(operator)}`);
    }
    const value = next();
    if (value.kind !== "word" && value.kind !== "text") {
      throw invalid(`after "${field} ${operator.text}" a value must follow, not ${describe(value)}`);
    }
    restrictions.push({ field, operator: operator.text, value: value.text });
  }
  return restrictions;
}

function expectField(token: Token): string {
  if (token.kind === "word" && (token.text === "OR" || token.text === "NOT")) {
    throw invalid(`${token.text} at character ${token.at + 1} is not supported, filters are joined by AND`);
  }
  if (token.kind !== "word") throw invalid(`a field must stand where ${describe(token)} is`);
  return token.text;
}

function tokenize(filter: string): Token[] {
  const pattern = /\s+|(!=|<=|>=|[=:<>])|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s=:<>!"'()]+)/gy;
  const tokens: Token[] = [];
  let end = 0;
  for (const match of filter.matchAll(pattern)) {
    const [whole, operator, double, single, word] = match;
    const at = match.index;
    end = at + whole.length;
    if (operator !== undefined) tokens.push({ kind: "operator", text: operator as Operator, at });
    else if (word !== undefined) tokens.push({ kind: "word", text: word, at });
    else {
      const quoted = double ?? single;
      if (quoted !== undefined) tokens.push({ kind: "text", text: quoted.replace(/\\(.)/gs, "$1"), at });
    }
  }
  if (end < filter.length) {
    const rest = filter[end] ?? "";
    const why =
      rest === '"' || rest === "'" ? "a quote that does not end" : `"${rest}", which is not supported`;
    throw invalid(`at character ${end + 1} there is ${why}`);
  }
  return tokens;
}

function testOf<T>(r: Restriction, fields: Fields<T>): (item: T) => boolean {
  const field = Object.hasOwn(fields, r.field) ? fields[r.field] : undefined;
  if (!field) {
    throw invalid(`there is no field "${r.field}" to filter by, there are ${Object.keys(fields).join(", ")}`);
  }
  switch (field.kind) {
    case "text":
      return textTest(r, field);
    case "number":
      return numberTest(r, field);
    case "boolean":
      return booleanTest(r, field);
  }
}

function textTest<T>(r: Restriction, field: Extract<Field<T>, { kind: "text" }>): (item: T) => boolean {
  if (r.operator !== "=" && r.operator !== "!=" && r.operator !== ":") {
    throw invalid(`"${r.field}" is text and has no order to compare with "${r.operator}", use = != or :`);
  }
  const pattern = r.operator === ":" && !r.value.includes("*") ? `*${r.value}*` : r.value;
  const matches = wildcard(pattern);
  const has = (item: T): boolean => {
    const value = field.read(item);
    return typeof value === "string" ? matches(value) : value.some(matches);
  };
  return r.operator === "!=" ? (item) => !has(item) : has;
}

/** Matches part by part rather than by a regular expression, whose backtracking a caller could abuse. */
function wildcard(pattern: string): (text: string) => boolean {
  const parts = pattern.split("*");
  const [first = ""] = parts;
  if (parts.length === 1) return (text) => text === first;
  const last = parts.at(-1) ?? "";
  const middle = parts.slice(1, -1);
  return (text) => {
    if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length)
      return false;
    let at = first.length;
    const end = text.length - last.length;
    for (const part of middle) {
      const found = text.indexOf(part, at);
      if (found < 0 || found + part.length > end) return false;
      at = found + part.length;
    }
    return true;
  };
}

function numberTest<T>(r: Restriction, field: Extract<Field<T>, { kind: "number" }>): (item: T) => boolean {
  if (!/^-?\d{1,20}$/.test(r.value)) throw invalid(`"${r.field}" is a whole number, "${r.value}" is not one`);
  const wanted = BigInt(r.value);
  const compare = comparison(r.operator);
  return (item) => {
    const value = BigInt(field.read(item));
    return compare(value < wanted ? -1 : value > wanted ? 1 : 0);
  };
}

function comparison(operator: Operator): (sign: number) => boolean {
  switch (operator) {
    case "=":
    case ":":
      return (sign) => sign === 0;
    case "!=":
      return (sign) => sign !== 0;
    case "<":
      return (sign) => sign < 0;
    case "<=":
      return (sign) => sign <= 0;
    case ">":
      return (sign) => sign > 0;
    case ">=":
      return (sign) => sign >= 0;
  }
}

function booleanTest<T>(r: Restriction, field: Extract<Field<T>, { kind: "boolean" }>): (item: T) => boolean {
  if (r.operator !== "=" && r.operator !== "!=" && r.operator !== ":") {
    throw invalid(`"${r.field}" is true or false and cannot be compared with "${r.operator}"`);
  }
  if (r.value !== "true" && r.value !== "false") {
    throw invalid(`"${r.field}" is true or false, "${r.value}" is neither`);
  }
  const wanted = (r.value === "true") === (r.operator !== "!=");
  return (item) => field.read(item) === wanted;
}

function describe(token: Token): string {
  return token.kind === "end" ? "the end" : `"${token.text}" at character ${token.at + 1}`;
}

function invalid(what: string): VirtError {
  return new VirtError("INVALID_FILTER", `the filter cannot be understood: ${what}`, {
    violations: [{ field: "filter", description: what }],
  });
}
