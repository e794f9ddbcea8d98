import type { XmlElement } from "../xml/tree.ts";
import { Content } from "./content.ts";
import type { Output } from "./output.ts";

/** What an element is as a value: read from it, written into it. */
export interface Schema<T> {
  read(element: XmlElement): T;
  write(value: T, out: Output): void;
}

/** One field of an element's model: an attribute, a child, its text. */
export interface Part<T, Optional extends boolean = boolean> {
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

/** An element as an object. The order of the fields is the order in which they are written. */
export function element<F extends Fields>(fields: F): Schema<Model<F>> {
  return {
    read: (xml) => {
      const content = new Content(xml);
      const model = readFields(fields, content);
      content.finish();
      return model as Model<F>;
    },
    write: (value, out) => writeFields(fields, value, out),
  };
}

/** The union of its variants, told apart by the field `K`. */
export type Choice<K extends string, V extends Readonly<Record<string, Fields>>> = {
  [N in keyof V & string]: Flat<{ readonly [P in K]: N } & Model<V[N]>>;
}[keyof V & string];

/**
 * An element whose attribute decides what else it has: `<disk type="file">`. The attribute is written first.
 * `fallback` is the variant of an element without the attribute.
 */
export function choice<const K extends string, const V extends Readonly<Record<string, Fields>>>(
  attribute: K,
  variants: V,
  fallback?: keyof V & string,
): Schema<Choice<K, V>> {
  const names = Object.keys(variants);
  return {
    read: (xml) => {
      const content = new Content(xml);
      const found = content.takeAttribute(attribute);
      const name = found?.value ?? fallback;
      if (name === undefined) {
        throw content.invalid(
          `<${xml.name}> has no attribute "${attribute}"`,
          `it must be one of ${names.join(", ")}`,
        );
      }
      const fields = Object.hasOwn(variants, name) ? variants[name] : undefined;
      if (fields === undefined) {
        throw content.invalid(
          `attribute "${attribute}" is "${name}"`,
          `it must be one of ${names.join(", ")}`,
          found,
        );
      }
      const model = { [attribute]: name, ...readFields(fields, content) };
      content.finish();
      return model as Choice<K, V>;
    },
    write: (value, out) => {
      const name = (value as Readonly<Record<string, string>>)[attribute] ?? "";
      out.attribute(attribute, name);
      writeFields(variants[name] ?? {}, value, out);
    },
  };
}

function readFields(fields: Fields, content: Content): Record<string, unknown> {
  const model: Record<string, unknown> = {};
  for (const [key, part] of Object.entries(fields)) {
    const value = part.read(content);
    if (value !== undefined) model[key] = value;
    else if (!part.optional)
      throw content.invalid(`<${content.element.name}> has no ${part.what}`, "it is required");
  }
  return model;
}

function writeFields(fields: Fields, value: object, out: Output): void {
  const model = value as Readonly<Record<string, unknown>>;
  for (const [key, part] of Object.entries(fields)) {
    if (model[key] !== undefined) part.write(model[key], out);
  }
}
