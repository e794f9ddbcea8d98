import type { XmlElement } from "../xml/tree.ts";
import { Content } from "./content.ts";
import type { Described, Item } from "./describe.ts";
import { OPTIONAL, REQUIRED, withPresence } from "./describe.ts";
import type { Output } from "./output.ts";

/** What an element is as a value: read from it, written into it. */
export interface Schema<T> extends Described {
  read(element: XmlElement): T;
  /** Takes what is its own out of an element that others read from as well. */
  take(content: Content): T;
  write(value: T, out: Output): void;
}

/** One field of an element's model: an attribute, a child, its text. */
export interface Part<T, Optional extends boolean = boolean> extends Described {
  readonly optional: Optional;
  /** For messages: `attribute "type"`. */
  readonly what: string;
  /** undefined when it is not there. */
  read(content: Content): T | undefined;
  write(value: T, out: Output): void;
}

export type Fields = Readonly<Record<string, Part<unknown>>>;

type Flat<T> = { [K in keyof T]: T[K] };
type ValueOf<P> = P extends Part<infer T> ? T : never;
type RequiredKeys<F extends Fields> = { [K in keyof F]: F[K]["optional"] extends false ? K : never }[keyof F];

/** The type that a definition gives: required parts as they are, optional ones absent rather than undefined. */
export type Model<F extends Fields> = Flat<
  { readonly [K in RequiredKeys<F>]: ValueOf<F[K]> } & {
    readonly [K in Exclude<keyof F, RequiredKeys<F>>]?: ValueOf<F[K]>;
  }
>;

export type ModelOf<S> = S extends Schema<infer T> ? T : never;

/** The schema that takes its part of an element's content; what nobody took is refused. */
export function schemaOf<T>(
  take: (content: Content) => T,
  write: (value: T, out: Output) => void,
  describe: () => readonly Item[],
): Schema<T> {
  return {
    read: (xml) => {
      const content = new Content(xml);
      const value = take(content);
      content.finish(describe);
      return value;
    },
    take,
    write,
    describe,
  };
}

/** An element as an object. The order of the fields is the order in which they are written. */
export function element<F extends Fields>(fields: F): Schema<Model<F>> {
  const parts = Object.entries(fields);
  return schemaOf(
    (content) => readParts(parts, content, {}) as Model<F>,
    (value, out) => writeParts(parts, value, out),
    () => describeFields(fields),
  );
}

/** The union of its variants, told apart by the field `K`. */
export type Choice<
  K extends string,
  V extends Readonly<Record<string, Fields>>,
  B extends Fields = Record<never, never>,
> = {
  [N in keyof V & string]: Flat<{ readonly [P in K]: N } & Model<B> & Model<V[N]>>;
}[keyof V & string];

export interface ChoiceOptions<N extends string, B extends Fields> {
  /** The variant of an element without the attribute. */
  readonly fallback?: N;
  /** The fallback is written without the attribute: `<backingStore/>`. */
  readonly implied?: boolean;
  /** What all variants have and is written before the attribute. */
  readonly before?: B;
}

/**
 * An element whose attribute decides what else it has: `<disk type="file">`. The attribute is written first
 * unless something is to come before it.
 */
export function choice<
  const K extends string,
  const V extends Readonly<Record<string, Fields>>,
  const B extends Fields = Record<never, never>,
>(attribute: K, variants: V, options: ChoiceOptions<keyof V & string, B> = {}): Schema<Choice<K, V, B>> {
  const names = Object.keys(variants);
  const { fallback, implied = false } = options;
  const before: Fields = options.before ?? {};
  const first = Object.entries(before);
  const rest = new Map(names.map((name): [string, Parts] => [name, Object.entries(variants[name] ?? {})]));
  return schemaOf(
    (content) => {
      const found = content.takeAttribute(attribute);
      const name = found?.value ?? fallback;
      if (name === undefined) {
        throw content.invalid(
          `<${content.element.name}> has no attribute "${attribute}"`,
          `it must be one of ${names.join(", ")}`,
        );
      }
      const parts = rest.get(name);
      if (parts === undefined) {
        throw content.invalid(
          `attribute "${attribute}" is "${name}"`,
          `it must be one of ${names.join(", ")}`,
          found,
        );
      }
      const model = readParts(first, content, {});
      model[attribute] = name;
      return readParts(parts, content, model) as Choice<K, V, B>;
    },
    (value, out) => {
      const name = (value as Readonly<Record<string, string>>)[attribute] ?? "";
      writeParts(first, value, out);
      if (!implied || name !== fallback) out.attribute(attribute, name);
      writeParts(rest.get(name) ?? [], value, out);
    },
    () => [
      ...describeFields(before),
      {
        kind: "choice",
        attribute,
        presence: fallback === undefined ? REQUIRED : { is: "defaulted", value: fallback },
        variants: names.map((name) => ({ name, items: describeFields(variants[name] ?? {}) })),
      },
    ],
  );
}

/** A schema that is defined further down, or by itself: a backing store may have a backing store. */
export function lazy<T>(schema: () => Schema<T>): Schema<T> {
  return {
    read: (xml) => schema().read(xml),
    take: (content) => schema().take(content),
    write: (value, out) => schema().write(value, out),
    describe: () => schema().describe(),
  };
}

type Parts = readonly (readonly [string, Part<unknown>])[];

function readParts(parts: Parts, content: Content, model: Record<string, unknown>): Record<string, unknown> {
  for (const [key, part] of parts) {
    const value = part.read(content);
    if (value !== undefined) model[key] = value;
    else if (!part.optional)
      throw content.invalid(`<${content.element.name}> has no ${part.what}`, "it is required");
  }
  return model;
}

function writeParts(parts: Parts, value: object, out: Output): void {
  const model = value as Readonly<Record<string, unknown>>;
  for (const [key, part] of parts) {
    const field = model[key];
    if (field !== undefined) part.write(field, out);
  }
}

export function describeFields(fields: Fields): readonly Item[] {
  return Object.values(fields).flatMap((part) =>
    part.optional ? withPresence(part.describe(), OPTIONAL) : part.describe(),
  );
}
