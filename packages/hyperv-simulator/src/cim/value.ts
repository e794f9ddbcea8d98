/** A length of time; CIM calls it a datetime too. */
export interface Interval {
  readonly kind: "interval";
  readonly ms: number;
}

/** What points to an instance: its class and its keys. */
export interface Reference {
  readonly kind: "reference";
  readonly className: string;
  readonly keys: Readonly<Record<string, KeyValue>>;
}

export type KeyValue = string | Reference;

/** An object inside of another one. */
export interface Embedded {
  readonly kind: "embedded";
  readonly instance: Instance;
}

export type Scalar = string | number | bigint | boolean | Date | Interval | Reference | Embedded;
export type Value = Scalar | readonly Scalar[] | null;

/** Properties that are not named are null. */
export interface Instance {
  readonly className: string;
  readonly values: Readonly<Record<string, Value>>;
}

export function isArray(value: Value): value is readonly Scalar[] {
  return Array.isArray(value);
}

export function interval(ms: number): Interval {
  return { kind: "interval", ms };
}

/** The time that Windows shows where there was none: the beginning of its calendar. */
export const NEVER = new Date(Date.UTC(1601, 0, 1));

export function isReference(value: Value | undefined): value is Reference {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "reference";
}

export function isEmbedded(value: Value | undefined): value is Embedded {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "embedded";
}

/** A value as text, to be compared with another; empty for null. */
export function valueText(value: Value | undefined): string {
  if (value === null || value === undefined) return "";
  if (isArray(value)) return value.map(valueText).join("\n");
  if (typeof value !== "object") return String(value);
  return value instanceof Date ? value.toISOString() : JSON.stringify(value);
}

export function textOf(instance: Instance, property: string): string {
  return valueText(instance.values[property]);
}

export function keyText(path: Reference, key: string): string {
  return valueText(path.keys[key]);
}

export function numberOf(instance: Instance, property: string): number {
  return Number(textOf(instance, property));
}
