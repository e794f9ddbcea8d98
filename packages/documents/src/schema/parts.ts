import { keep } from "../xml/keep.ts";
import type { ReadAttribute, XmlElement, XmlTree } from "../xml/tree.ts";
import { errorAt, pathOf } from "../xml/tree.ts";
import type { QName } from "./content.ts";
import type { Content } from "./content.ts";
import { qualifiedName } from "./content.ts";
import type { Kind } from "./kinds.ts";
import { big, nonEmpty, oneOf, unitBytes } from "./kinds.ts";
import type { Choice, Fields, Model, ModelOf, Part, Schema } from "./schema.ts";
import { choice, element, schemaOf } from "./schema.ts";

type Required<T> = Part<T, false>;
type Optional<T> = Part<T, true>;
type Name = string | QName;

function nameOf(name: Name): QName {
  return typeof name === "string" ? { local: name, uri: "", prefix: "" } : name;
}

/** The attribute of that name. */
export function attribute<T>(name: string, kind: Kind<T>): Required<T> {
  return {
    optional: false,
    what: `attribute "${name}"`,
    read: (content) => {
      const found = content.takeAttribute(name);
      return found === undefined ? undefined : content.parse(kind, found.value, found);
    },
    write: (value, out) => out.attribute(name, kind.format(value)),
  };
}

/** The one child element of that name; a second one is refused. */
export function child<T>(name: Name, schema: Schema<T>): Required<T> {
  const qname = nameOf(name);
  return {
    optional: false,
    what: `element <${qualifiedName(qname)}>`,
    read: (content) => {
      const found = onlyOne(content, qname);
      return found === undefined ? undefined : schema.read(found);
    },
    write: (value, out) => out.child(qname, (o) => schema.write(value, o)),
  };
}

/** Every child element of that name in order; none gives an empty list. */
export function repeated<T>(name: Name, schema: Schema<T>): Required<readonly T[]> {
  const qname = nameOf(name);
  return {
    optional: false,
    what: `element <${qualifiedName(qname)}>`,
    read: (content) => content.takeChildren(qname).map((found) => schema.read(found)),
    write: (values, out) => {
      for (const value of values) out.child(qname, (o) => schema.write(value, o));
    },
  };
}

export function optional<T>(part: Required<T>): Optional<T> {
  return { ...part, optional: true };
}

/** An optional attribute: by far the most frequent part. */
export function maybe<T>(name: string, kind: Kind<T>): Optional<T> {
  return optional(attribute(name, kind));
}

/** Absent means the value given, which is written out like any other. */
export function defaulted<T>(part: Required<T>, value: T): Required<T> {
  return { ...part, read: (content) => part.read(content) ?? value };
}

/** The text of the element itself. Optional makes blank text absent. */
export function ownText<T>(kind: Kind<T>): Required<T> {
  return {
    optional: false,
    what: "text",
    read: (content) => {
      const raw = content.takeText();
      return raw.trim() === "" ? undefined : content.parse(kind, raw);
    },
    write: (value, out) => out.text(kind.format(value)),
  };
}

/** `<name>text</name>` as a plain value. */
export function textChild<T>(name: Name, kind: Kind<T>): Required<T> {
  return child(name, textOnly(kind));
}

/** The schema of an element that is its text. */
export function textOnly<T>(kind: Kind<T>): Schema<T> {
  return schemaOf(
    (content) => content.parse(kind, content.takeText()),
    (value, out) => out.text(kind.format(value)),
  );
}

/** The schema of an element that is one attribute: `<name value='..'/>`. */
export function attributeOnly<T>(attributeName: string, kind: Kind<T>): Schema<T> {
  const fields = element({ value: attribute(attributeName, kind) });
  return schemaOf(
    (content) => fields.take(content).value,
    (value, out) => out.attribute(attributeName, kind.format(value)),
  );
}

/** `<name value='..'/>`-like elements as a plain value. */
export function attributeChild<T>(name: Name, attributeName: string, kind: Kind<T>): Required<T> {
  return child(name, attributeOnly(attributeName, kind));
}

/** `<readonly/>`: there or not. */
export function marker(name: Name): Optional<true> {
  return optional(
    child<true>(
      name,
      schemaOf(
        () => true,
        () => undefined,
      ),
    ),
  );
}

/** `<names><name/><name/></names>` as a list. */
export function listChild<T>(name: Name, item: Name, schema: Schema<T>): Required<readonly T[]> {
  const items = repeated(item, schema);
  return child(
    name,
    schemaOf(
      (content) => items.read(content) ?? [],
      (values, out) => items.write(values, out),
    ),
  );
}

/** Child elements whose names are values themselves: `<sha1/><sha256/>`, or `<chown state='on'/>`. */
export function namedChildren<N extends string, T extends object>(
  names: Kind<N>,
  schema: Schema<T>,
): Required<readonly ({ readonly name: N } & T)[]> {
  return {
    optional: false,
    what: `elements called ${names.expected}`,
    read: (content) =>
      content.takeChildrenNamed(names).map(([name, found]) => ({ name, ...schema.read(found) })),
    write: (values, out) => {
      for (const value of values) out.child(nameOf(value.name), (o) => schema.write(value, o));
    },
  };
}

/** Something that the same element says as well, as a value of its own. */
export function inline<T>(schema: Schema<T>): Required<T> {
  return {
    optional: false,
    what: "content",
    read: (content) => schema.take(content),
    write: (value, out) => schema.write(value, out),
  };
}

/** How an amount of memory is written: bytes in the model, a number and a unit in the document. */
export interface AmountForm {
  /** The unit of a number that has none. */
  readonly assumed: string;
  /** The unit it is written in; it is rounded up to whole ones. `largest` is the largest that needs no rounding. */
  readonly written: string;
  /** The attribute of the unit, `unit` unless it is called otherwise. */
  readonly attribute?: string;
}

/** libvirt counts memory in KiB. */
const IN_KIB: AmountForm = { assumed: "KiB", written: "KiB" };
export const IN_BYTES: AmountForm = { assumed: "bytes", written: "bytes" };

const LARGEST = ["EiB", "PiB", "TiB", "GiB", "MiB", "KiB"] as const;

function written(bytes: bigint, form: AmountForm): { readonly count: bigint; readonly unit: string } {
  const unit =
    form.written === "largest"
      ? (LARGEST.find((name) => bytes > 0n && bytes % (unitBytes(name) ?? 1n) === 0n) ?? "B")
      : form.written;
  const factor = unitBytes(unit) ?? 1n;
  return { count: (bytes + factor - 1n) / factor, unit };
}

function readAmount(content: Content, raw: string, form: AmountForm, place?: ReadAttribute): bigint {
  const unit = content.takeAttribute(form.attribute ?? "unit");
  const factor = unitBytes(unit?.value ?? form.assumed);
  if (factor === undefined) {
    throw content.invalid(
      `attribute "${unit?.name}" is "${unit?.value}"`,
      "it must be bytes, KiB, MiB, GiB, TiB, KB, MB ...",
      unit,
    );
  }
  const bytes = content.parse(big, raw, place) * factor;
  const step = form.written === "largest" ? 1n : (unitBytes(form.written) ?? 1n);
  return ((bytes + step - 1n) / step) * step;
}

/** An amount as text with an attribute `unit`, in bytes. */
export function amount(form: AmountForm = IN_KIB): Required<bigint> {
  return {
    optional: false,
    what: "text",
    read: (content) => readAmount(content, content.takeText(), form),
    write: (bytes, out) => {
      const { count, unit } = written(bytes, form);
      out.attribute("unit", unit);
      out.text(String(count));
    },
  };
}

/** `<name unit='KiB'>1</name>`. */
export function amountChild(name: Name, form: AmountForm = IN_KIB): Required<bigint> {
  const text = amount(form);
  return child(
    name,
    schemaOf(
      (content) => text.read(content) ?? 0n,
      (bytes, out) => text.write(bytes, out),
    ),
  );
}

/** An amount as an attribute beside an attribute `unit`. */
export function amountAttribute(name: string, form: AmountForm = IN_KIB): Required<bigint> {
  return {
    optional: false,
    what: `attribute "${name}"`,
    read: (content) => {
      const found = content.takeAttribute(name);
      return found === undefined ? undefined : readAmount(content, found.value, form, found);
    },
    write: (bytes, out) => {
      const { count, unit } = written(bytes, form);
      out.attribute(name, String(count));
      out.attribute(form.attribute ?? "unit", unit);
    },
  };
}

/** A subtree that is not looked into and is written back as it was. */
export function kept(name: Name): Optional<XmlTree> {
  const qname = nameOf(name);
  return {
    optional: true,
    what: `element <${qualifiedName(qname)}>`,
    read: (content) => {
      const found = onlyOne(content, qname);
      return found === undefined ? undefined : keep(found);
    },
    write: (value, out) => out.raw(value),
  };
}

/** Every subtree of that name, kept. */
export function keptAll(name: Name): Required<readonly XmlTree[]> {
  const qname = nameOf(name);
  return {
    optional: false,
    what: `element <${qualifiedName(qname)}>`,
    read: (content) => content.takeChildren(qname).map((found) => keep(found)),
    write: (values, out) => values.forEach((value) => out.raw(value)),
  };
}

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
      const found = onlyOne(content, qname, (child) =>
        child.attributes.some((a) => a.name === attributeName && a.value === value),
      );
      if (found === undefined) return undefined;
      const { [attributeName]: _, ...model } = schema.read(found) as Readonly<Record<string, unknown>>;
      return model as Model<F>;
    },
    write: (model, out) => out.child(qname, (o) => schema.write({ ...model, [attributeName]: value }, o)),
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
  };
}

/** The one child element of `namedVariants`; a second one is refused. */
export function namedVariant<const K extends string, const V extends Readonly<Record<string, Fields>>>(
  discriminator: K,
  variants: V,
): Required<Choice<K, V>> {
  const all = namedVariants(discriminator, variants);
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
  };
}

/** `<name>/path</name>`. */
export function pathChild(name: Name): Required<string> {
  return textChild(name, nonEmpty);
}

function onlyOne(
  content: Content,
  name: QName,
  only?: (child: XmlElement) => boolean,
): XmlElement | undefined {
  const [first, second] = content.takeChildren(name, only);
  if (second !== undefined) {
    throw errorAt("XML_INVALID", `a second <${second.name}>`, pathOf(second), second, "only one is allowed");
  }
  return first;
}
