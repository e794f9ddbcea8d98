import { keep } from "../xml/keep.ts";
import type { ReadAttribute, XmlElement, XmlTree } from "../xml/tree.ts";
import { writeXml } from "../xml/write.ts";
import type { QName } from "./content.ts";
import type { Content } from "./content.ts";
import { qualifiedName } from "./content.ts";
import type { Described, Item } from "./describe.ts";
import { OPTIONAL, REQUIRED, withPresence } from "./describe.ts";
import type { Kind, Texts } from "./kinds.ts";
import { big, nonEmpty, unitBytes } from "./kinds.ts";
import { Output } from "./output.ts";
import type { Part, Schema } from "./schema.ts";
import { element, schemaOf } from "./schema.ts";

export type Required<T> = Part<T, false>;
type Optional<T> = Part<T, true>;
export type Name = string | QName;

export function nameOf(name: Name): QName {
  return typeof name === "string" ? { local: name, uri: "", prefix: "" } : name;
}

export function describedChild(
  name: QName,
  schema: Described,
  many: boolean,
): Extract<Item, { readonly kind: "element" }> {
  const presence = many ? OPTIONAL : REQUIRED;
  return { kind: "element", name: qualifiedName(name), presence, many, schema };
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
    describe: () => [
      { kind: "attribute", name, allowed: kind.expected, texts: kind.texts, presence: REQUIRED },
    ],
  };
}

/** The one child element of that name; a second one is refused. */
export function child<T>(name: Name, schema: Schema<T>): Required<T> {
  const qname = nameOf(name);
  return {
    optional: false,
    what: `element <${qualifiedName(qname)}>`,
    read: (content) => {
      const found = content.takeChild(qname);
      return found === undefined ? undefined : schema.read(found);
    },
    write: (value, out) => out.child(qname, (o) => schema.write(value, o)),
    describe: () => [describedChild(qname, schema, false)],
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
    describe: () => [describedChild(qname, schema, true)],
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
  return {
    ...part,
    read: (content) => part.read(content) ?? value,
    describe: () => withPresence(part.describe(), { is: "defaulted", value: writtenAs(part, value) }),
  };
}

/** A default as the document would have it: the value of an attribute, or whole elements. */
function writtenAs<T>(part: Required<T>, value: T): string {
  const tree = Output.document(nameOf("default"), (out) => part.write(value, out));
  const [attribute] = tree.attributes;
  if (attribute !== undefined) return attribute.value;
  return tree.children
    .map((child) => (typeof child === "string" ? child : writeXml(child).replaceAll(/\n\s*/g, "")))
    .join("");
}

/** Absent means what the rest of the element says; undefined when that says nothing either. */
export function derived<T>(
  part: Required<T>,
  from: (element: XmlElement) => NoInfer<T> | undefined,
): Required<T> {
  return { ...part, read: (content) => part.read(content) ?? from(content.element) };
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
    describe: () => [{ kind: "text", allowed: kind.expected, texts: kind.texts, presence: REQUIRED }],
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
    () => [{ kind: "text", allowed: kind.expected, texts: kind.texts, presence: REQUIRED }],
  );
}

/** The schema of an element that is one attribute: `<name value='..'/>`. */
export function attributeOnly<T>(attributeName: string, kind: Kind<T>): Schema<T> {
  const fields = element({ value: attribute(attributeName, kind) });
  return schemaOf(
    (content) => fields.take(content).value,
    (value, out) => out.attribute(attributeName, kind.format(value)),
    () => fields.describe(),
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
        () => [],
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
      () => items.describe(),
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
    describe: () =>
      names.expected.split(", ").map((name) => ({ ...describedChild(nameOf(name), schema, true), name })),
  };
}

/** Something that the same element says as well, as a value of its own. */
export function inline<T>(schema: Schema<T>): Required<T> {
  return {
    optional: false,
    what: "content",
    read: (content) => schema.take(content),
    write: (value, out) => schema.write(value, out),
    describe: () => schema.describe(),
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

/** Of any unit that tests choose. */
const COUNT: Texts = { from: 0n, to: 1n << 30n };

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
  if (bytes >= 1n << 64n)
    throw content.invalid(
      `${raw.trim()} ${unit?.value ?? form.assumed}`,
      "it must be less than 2^64 bytes",
      place,
    );
  const step = form.written === "largest" ? 1n : (unitBytes(form.written) ?? 1n);
  return ((bytes + step - 1n) / step) * step;
}

function describedUnit(form: AmountForm): Item {
  return {
    kind: "attribute",
    name: form.attribute ?? "unit",
    allowed: "bytes, KiB, MiB, GiB, TiB, PiB, EiB, KB, MB ...",
    texts: { names: ["bytes", "KiB", "MiB", "GiB", "KB", "M"] },
    presence: { is: "defaulted", value: form.assumed },
  };
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
    describe: () => [
      { kind: "text", allowed: big.expected, texts: COUNT, presence: REQUIRED },
      describedUnit(form),
    ],
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
      () => text.describe(),
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
      if (found !== undefined) return readAmount(content, found.value, form, found);
      // libvirt takes no notice of a unit of nothing.
      content.takeAttribute(form.attribute ?? "unit");
      return undefined;
    },
    write: (bytes, out) => {
      const { count, unit } = written(bytes, form);
      out.attribute(name, String(count));
      out.attribute(form.attribute ?? "unit", unit);
    },
    describe: () => [
      { kind: "attribute", name, allowed: big.expected, texts: COUNT, presence: REQUIRED },
      describedUnit(form),
    ],
  };
}

/** A subtree that is not looked into and is written back as it was. */
export function kept(name: Name): Optional<XmlTree> {
  const qname = nameOf(name);
  return {
    optional: true,
    what: `element <${qualifiedName(qname)}>`,
    read: (content) => {
      const found = content.takeChild(qname);
      return found === undefined ? undefined : keep(found);
    },
    write: (value, out) => out.raw(value),
    describe: () => [{ kind: "kept", name: qualifiedName(qname), presence: OPTIONAL }],
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
    describe: () => [{ kind: "kept", name: qualifiedName(qname), presence: OPTIONAL }],
  };
}

/** `<name>/path</name>`. */
export function pathChild(name: Name): Required<string> {
  return textChild(name, nonEmpty);
}
