import { keep } from "../xml/keep.ts";
import type { XmlElement, XmlTree } from "../xml/tree.ts";
import { errorAt, pathOf } from "../xml/tree.ts";
import type { QName } from "./content.ts";
import { Content, qualifiedName } from "./content.ts";
import type { Kind } from "./kinds.ts";
import { big, nonEmpty, unitBytes } from "./kinds.ts";
import type { Part, Schema } from "./schema.ts";
import { element } from "./schema.ts";

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
  return {
    read: (xml) => {
      const content = new Content(xml);
      const value = content.parse(kind, content.takeText());
      content.finish();
      return value;
    },
    write: (value, out) => out.text(kind.format(value)),
  };
}

/** `<name value='..'/>`-like elements as a plain value. */
export function attributeChild<T>(name: Name, attributeName: string, kind: Kind<T>): Required<T> {
  const fields = element({ value: attribute(attributeName, kind) });
  return child(name, {
    read: (xml) => fields.read(xml).value,
    write: (value, out) => out.attribute(attributeName, kind.format(value)),
  });
}

/** `<readonly/>`: there or not. */
export function marker(name: Name): Optional<true> {
  const empty = element({});
  return optional(
    child<true>(name, {
      read: (xml) => {
        empty.read(xml);
        return true;
      },
      write: () => undefined,
    }),
  );
}

/**
 * An amount of memory as text with an attribute `unit` (KiB without it), in bytes. libvirt counts in KiB and
 * rounds up, so does this; it is written in KiB.
 */
export function amount(): Required<bigint> {
  return {
    optional: false,
    what: "text",
    read: (content) => {
      const unit = content.takeAttribute("unit");
      const factor = unitBytes(unit?.value ?? "KiB");
      if (factor === undefined) {
        throw content.invalid(
          `attribute "unit" is "${unit?.value}"`,
          "it must be bytes, KiB, MiB, GiB, TiB, KB, MB ...",
          unit,
        );
      }
      const bytes = content.parse(big, content.takeText()) * factor;
      return ((bytes + 1023n) / 1024n) * 1024n;
    },
    write: (bytes, out) => {
      out.attribute("unit", "KiB");
      out.text(String((bytes + 1023n) / 1024n));
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

/** `<name>/path</name>`. */
export function pathChild(name: Name): Required<string> {
  return textChild(name, nonEmpty);
}

function onlyOne(content: Content, name: QName): XmlElement | undefined {
  const [first, second] = content.takeChildren(name);
  if (second !== undefined) {
    throw errorAt("XML_INVALID", `a second <${second.name}>`, pathOf(second), second, "only one is allowed");
  }
  return first;
}
