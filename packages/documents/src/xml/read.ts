import { VirtError } from "@virtmesh/core/errors";
import type { SaxesTagNS } from "saxes";
import { SaxesParser } from "saxes";
import type { Position, ReadAttribute, XmlElement } from "./tree.ts";
import { errorAt } from "./tree.ts";

/**
 * Bounds on what is read, checked while reading. A guest with a hundred disks has about 2,000 elements in 100 kB;
 * the deepest document libvirt writes nests 12 elements.
 */
export const XML_LIMITS = {
  characters: 1024 * 1024,
  depth: 64,
  elements: 20_000,
  attributesPerElement: 64,
} as const;

/** Where lines begin, found out when the first place is asked for: most documents have no error. */
class Source {
  readonly text: string;
  private starts: readonly number[] | undefined;

  constructor(text: string) {
    this.text = text;
  }

  positionOf(offset: number): Position {
    this.starts ??= [0, ...[...this.text.matchAll(/\n/g)].map((m) => m.index + 1)];
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.starts[low] ?? 0) + 1 };
  }
}

class Element implements XmlElement {
  readonly name: string;
  readonly local: string;
  readonly prefix: string;
  readonly uri: string;
  readonly attributes: readonly ReadAttribute[];
  readonly children: (XmlElement | string)[] = [];
  readonly parent: Element | undefined;
  readonly namespaces: ReadonlyMap<string, string>;
  private readonly source: Source;
  /** Of its `<`. */
  private readonly start: number;

  constructor(
    tag: SaxesTagNS,
    parent: Element | undefined,
    namespaces: ReadonlyMap<string, string>,
    source: Source,
    start: number,
  ) {
    this.name = tag.name;
    this.local = tag.local;
    this.prefix = tag.prefix;
    this.uri = tag.uri;
    this.parent = parent;
    this.namespaces = namespaces;
    this.source = source;
    this.start = start;
    const attributes: Attribute[] = [];
    for (const { name, prefix, value } of Object.values(tag.attributes))
      attributes.push(new Attribute(name, prefix, value, this));
    this.attributes = attributes;
  }

  get line(): number {
    return this.source.positionOf(this.start).line;
  }

  get column(): number {
    return this.source.positionOf(this.start).column;
  }

  positionOfAttribute(name: string): Position {
    const each = /\s+([^\s=]+)\s*=\s*(?:"[^"]*"|'[^']*')/y;
    each.lastIndex = this.start + 1 + this.name.length;
    for (let from = each.lastIndex; ; from = each.lastIndex) {
      const found = each.exec(this.source.text);
      if (found === null) return this;
      if (found[1] === name) return this.source.positionOf(from + found[0].indexOf(name));
    }
  }
}

class Attribute implements ReadAttribute {
  readonly name: string;
  readonly prefix: string;
  readonly value: string;
  private readonly element: Element;

  constructor(name: string, prefix: string, value: string, element: Element) {
    this.name = name;
    this.prefix = prefix;
    this.value = value;
    this.element = element;
  }

  get line(): number {
    return this.element.positionOfAttribute(this.name).line;
  }

  get column(): number {
    return this.element.positionOfAttribute(this.name).column;
  }
}

/**
 * Reads one XML document into a tree with positions. There is no DTD, hence no entity but the five predefined
 * and numeric ones; comments are skipped. Text next to elements is kept.
 * @throws XML_SYNTAX, XML_FORBIDDEN (DTD, processing instruction), XML_LIMIT
 */
export function readXml(text: string): XmlElement {
  if (text.length > XML_LIMITS.characters) {
    throw new VirtError(
      "XML_LIMIT",
      `the document has ${text.length} characters, at most ${XML_LIMITS.characters} are read`,
    );
  }
  return new TreeReader(text).read();
}

const NO_NAMESPACES: ReadonlyMap<string, string> = new Map();

/**
 * Hears of every tag and text. A parser with more than six handlers is several times as slow, because V8 then no
 * longer knows the shape of its object: so errors are caught instead, and attributes are taken from their tag.
 */
class TreeReader {
  private readonly source: Source;
  private readonly parser = new SaxesParser({ xmlns: true, forceXMLVersion: true, defaultXMLVersion: "1.0" });
  private readonly open: Element[] = [];
  private elements = 0;
  private root: Element | undefined;

  constructor(text: string) {
    this.source = new Source(text);
    this.parser.on("doctype", () => {
      throw this.error("XML_FORBIDDEN", "a document type definition is not allowed");
    });
    this.parser.on("processinginstruction", (pi) => {
      throw this.error("XML_FORBIDDEN", `the processing instruction "${pi.target}" is not allowed`);
    });
    this.parser.on("opentag", (tag) => this.onOpen(tag));
    this.parser.on("text", (t) => this.onText(t));
    this.parser.on("cdata", (t) => this.onText(t));
    this.parser.on("closetag", () => this.open.pop());
  }

  read(): XmlElement {
    try {
      this.parser.write(this.source.text).close();
    } catch (e) {
      if (VirtError.is(e) || !(e instanceof Error)) throw e;
      const what = e.message.replace(/^.*?\d+:\d+: /, "").replace(/\.$/, "");
      throw this.error("XML_SYNTAX", `the document is not well-formed XML: ${what}`);
    }
    if (this.root === undefined) throw this.error("XML_SYNTAX", "the document has no element");
    return this.root;
  }

  private onOpen(tag: SaxesTagNS): void {
    this.elements += 1;
    if (this.elements > XML_LIMITS.elements) {
      throw this.error("XML_LIMIT", `the document has more than ${XML_LIMITS.elements} elements`);
    }
    if (this.open.length >= XML_LIMITS.depth) {
      throw this.error("XML_LIMIT", `the document nests deeper than ${XML_LIMITS.depth} elements`);
    }
    const parent = this.open.at(-1);
    const outer = parent?.namespaces ?? NO_NAMESPACES;
    const declared = Object.entries(tag.ns);
    const namespaces = declared.length === 0 ? outer : new Map([...outer, ...declared]);
    // A value cannot contain `<`.
    const start = this.source.text.lastIndexOf("<", this.parser.position - 1);
    const element = new Element(tag, parent, namespaces, this.source, start);
    if (element.attributes.length > XML_LIMITS.attributesPerElement) {
      throw this.error("XML_LIMIT", `an element has more than ${XML_LIMITS.attributesPerElement} attributes`);
    }
    if (parent === undefined) this.root = element;
    else parent.children.push(element);
    this.open.push(element);
  }

  private onText(text: string): void {
    const parent = this.open.at(-1);
    if (parent === undefined || text === "") return;
    const last = parent.children.at(-1);
    if (typeof last === "string") parent.children[parent.children.length - 1] = last + text;
    else parent.children.push(text);
  }

  private error(reason: "XML_SYNTAX" | "XML_FORBIDDEN" | "XML_LIMIT", what: string): VirtError {
    const path = `/${this.open.map((e) => e.name).join("/")}`;
    return errorAt(reason, what, path, { line: this.parser.line, column: this.parser.column + 1 });
  }
}
