import { type Embedded, type Instance, isArray, isEmbedded, type Scalar, type Value } from "../cim/value.ts";
import { namespaceOf, objectPath, referenceTo } from "../cim/path.ts";
import { isInstanceOf } from "../cim/repository.ts";
import { findClass, propertyName } from "../schema/classes.ts";
import { WqlError } from "./parse.ts";
import type { Condition, Operand, Operator } from "./query.ts";

/** What names in a condition stand for. */
export interface Subject {
  readonly instance: Instance;
  /** The name that `__SERVER` stands for. */
  readonly server: string;
}

/** @throws WqlError for a property that the class does not have */
export function matches(condition: Condition, subject: Subject): boolean {
  switch (condition.kind) {
    case "and":
      return matches(condition.left, subject) && matches(condition.right, subject);
    case "or":
      return matches(condition.left, subject) || matches(condition.right, subject);
    case "not":
      return !matches(condition.inner, subject);
    case "is null":
      return (valueOf(condition.operand, subject) === null) !== condition.negated;
    case "compare":
      return compare(condition.operator, valueOf(condition.left, subject), valueOf(condition.right, subject));
  }
}

/** Every property that a condition names, as a path. */
export function propertiesIn(condition: Condition): readonly (readonly string[])[] {
  const named = (operand: Operand) => (operand.kind === "property" ? [operand.path] : []);
  switch (condition.kind) {
    case "and":
    case "or":
      return [...propertiesIn(condition.left), ...propertiesIn(condition.right)];
    case "not":
      return propertiesIn(condition.inner);
    case "is null":
      return named(condition.operand);
    case "compare":
      return [...named(condition.left), ...named(condition.right)];
  }
}

type Comparable = string | bigint | boolean | null | Embedded;

function valueOf(operand: Operand, subject: Subject): Comparable {
  switch (operand.kind) {
    case "literal":
      return operand.value;
    case "server":
      return subject.server;
    case "property":
      return systemProperty(subject, operand.path) ?? comparable(propertyAt(subject.instance, operand.path));
  }
}

/** What WMI adds to every object ("WMI System Properties"). */
function systemProperty(
  { instance, server }: Subject,
  [name = "", more]: readonly string[],
): string | undefined {
  if (more !== undefined) return undefined;
  switch (name.toLowerCase()) {
    case "__path":
      return objectPath(server, referenceTo(instance));
    case "__relpath":
      return objectPath(server, referenceTo(instance)).replace(/^[^:]*:/, "");
    case "__class":
      return instance.className;
    case "__namespace":
      return namespaceOf(instance.className).replaceAll("/", "\\");
    default:
      return undefined;
  }
}

function propertyAt(instance: Instance, path: readonly string[]): Value {
  const [first = "", ...rest] = path;
  const value = instance.values[nameIn(instance, first)] ?? null;
  if (rest.length === 0) return value;
  if (isEmbedded(value)) return propertyAt(value.instance, rest);
  throw new WqlError(`${first} is no object that has a property ${rest.join(".")}`);
}

function nameIn(instance: Instance, name: string): string {
  if (name in instance.values) return name;
  const cimClass = findClass(instance.className);
  const found = cimClass === undefined ? undefined : propertyName(cimClass, name);
  if (found === undefined) throw new WqlError(`${instance.className} has no property ${name}`);
  return found;
}

function comparable(value: Value): Comparable {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return BigInt(Math.trunc(value));
  if (typeof value === "bigint") return value;
  if (isArray(value)) throw new WqlError("WQL does not compare arrays");
  return comparableObject(value);
}

function comparableObject(value: Exclude<Scalar, string | boolean | number | bigint>): Comparable {
  if (value instanceof Date) return value.toISOString();
  if (value.kind === "embedded") return value;
  if (value.kind === "interval") return BigInt(value.ms);
  throw new WqlError("a reference cannot be compared; enumerate the association, or use ASSOCIATORS OF");
}

function compare(operator: Operator, left: Comparable, right: Comparable): boolean {
  if (operator === "isa") return isOfClass(left, right);
  if (left === null || right === null) return operator === "<>" ? left !== right : false;
  const [a, b] = [ordered(left, right), ordered(right, left)];
  switch (operator) {
    case "=":
      return a === b;
    case "<>":
      return a !== b;
    case "<":
      return a < b;
    case ">":
      return a > b;
    case "<=":
      return a <= b;
    case ">=":
      return a >= b;
    case "like":
      return likePattern(String(b)).test(String(a));
  }
}

/** WMI compares text without regard to case, and numbers that were written as text as numbers. */
function ordered(value: Comparable, other: Comparable): string | bigint {
  if (typeof value === "bigint") return value;
  if (typeof other === "bigint" && typeof value === "string" && /^-?\d+$/.test(value)) return BigInt(value);
  if (typeof value === "object") throw new WqlError("an object is compared with ISA only");
  return String(value).toLowerCase();
}

function isOfClass(value: Comparable, className: Comparable): boolean {
  if (typeof className !== "string" || findClass(className) === undefined)
    throw new WqlError(
      `ISA takes the name of a class, not "${typeof className === "object" ? "an object" : className}"`,
    );
  return typeof value === "object" && value !== null && isInstanceOf(value.instance, className);
}

function likePattern(pattern: string): RegExp {
  const source = pattern
    .replaceAll(/[.*+?^${}()|\\]/g, "\\$&")
    .replaceAll("%", ".*")
    .replaceAll("_", ".");
  return new RegExp(`^${source}$`, "is");
}
