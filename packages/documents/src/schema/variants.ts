import { qualifiedName } from "./content.ts";
import { REQUIRED } from "./describe.ts";
import { oneOf } from "./kinds.ts";
import type { Name, Required } from "./parts.ts";
import { describedChild, nameOf } from "./parts.ts";
import type { Choice, Fields, Model, Schema } from "./schema.ts";
import { choice, element } from "./schema.ts";

/**
 * The one child of that name whose attribute says `value`, where another value makes it another field:
 * `<capability type='removable'>`.
 */
export function variantChild<F extends Fields>(
  name: Name,
  attributeName: string,
  value: string,
  fields: F,
): Required<Model<F>> {
  const qname = nameOf(name);
  const schema = choice(attributeName, { [value]: fields });
  return {
    optional: false,
    what: `element <${qualifiedName(qname)} ${attributeName}="${value}">`,
    read: (content) => {
      const found = content.takeChild(qname, (child) =>
        child.attributes.some((a) => a.name === attributeName && a.value === value),
      );
      if (found === undefined) return undefined;
      const { [attributeName]: _, ...model } = schema.read(found) as Readonly<Record<string, unknown>>;
      return model as Model<F>;
    },
    write: (model, out) => out.child(qname, (o) => schema.write({ ...model, [attributeName]: value }, o)),
    describe: () => [describedChild(qname, schema, false)],
  };
}

/**
 * Child elements whose names decide what they have, in the order of the document: `<rule/><filterref/><rule/>`. Each is
 * told apart by the field `discriminator`.
 */
export function namedVariants<const K extends string, const V extends Readonly<Record<string, Fields>>>(
  discriminator: K,
  variants: V,
): Required<readonly Choice<K, V>[]> {
  const names = oneOf(...Object.keys(variants));
  const schemas = new Map(Object.entries(variants).map(([name, fields]) => [name, element(fields)]));
  return {
    optional: false,
    what: `one of the elements ${names.expected}`,
    read: (content) =>
      content
        .takeChildrenNamed(names)
        .map(
          ([name, found]) => ({ [discriminator]: name, ...schemas.get(name)?.read(found) }) as Choice<K, V>,
        ),
    write: (values, out) => {
      for (const value of values) {
        const name = (value as Readonly<Record<string, string>>)[discriminator] ?? "";
        out.child(nameOf(name), (o) => schemas.get(name)?.write(value, o));
      }
    },
    describe: () => [...schemas].map(([name, schema]) => describedChild(nameOf(name), schema, true)),
  };
}

/** The one child element of `namedVariants`; a second one is refused. */
export function namedVariant<const K extends string, const V extends Readonly<Record<string, Fields>>>(
  discriminator: K,
  variants: V,
): Required<Choice<K, V>> {
  const all = namedVariants(discriminator, variants);
  const elements = Object.entries(variants).map(([name, fields]) => ({ name, schema: element(fields) }));
  return {
    optional: false,
    what: all.what,
    read: (content) => {
      const [first, second] = all.read(content) ?? [];
      if (second !== undefined) {
        throw content.invalid(
          `<${content.element.name}> has several of the elements ${Object.keys(variants).join(", ")}`,
          "only one is allowed",
        );
      }
      return first;
    },
    write: (value, out) => all.write([value], out),
    describe: () => [
      {
        kind: "alternatives",
        presence: REQUIRED,
        elements,
      },
    ],
  };
}

/** The one child of that name that has that attribute, or has it not: where this makes it another field. */
export function childByAttribute<T>(
  name: Name,
  attributeName: string,
  has: boolean,
  schema: Schema<T>,
): Required<T> {
  const qname = nameOf(name);
  return {
    optional: false,
    what: `element <${qualifiedName(qname)}> ${has ? "with" : "without"} an attribute "${attributeName}"`,
    read: (content) => {
      const found = content.takeChild(
        qname,
        (child) => child.attributes.some((a) => a.name === attributeName) === has,
      );
      return found === undefined ? undefined : schema.read(found);
    },
    write: (value, out) => out.child(qname, (o) => schema.write(value, o)),
    describe: () => [describedChild(qname, schema, false)],
  };
}
