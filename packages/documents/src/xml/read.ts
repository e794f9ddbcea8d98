import { VirtError } from "@virtmesh/core/errors";
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

interface Building extends Position {
  name: string;
  local: string;
  prefix: string;
  uri: string;
  attributes: ReadAttribute[];
  children: (XmlElement | string)[];
  parent: XmlElement | undefined;
  namespaces: ReadonlyMap<string, string>;
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

class TreeReader {
  private readonly text: string;
  private readonly lineStarts: readonly number[];
  private readonly parser = new SaxesParser({ xmlns: true, forceXMLVersion: true, defaultXMLVersion: "1.0" });
  private readonly open: Building[] = [];
  private attributes: ReadAttribute[] = [];
  private tagStart: Position = { line: 1, column: 1 };
  private elements = 0;
  private root: XmlElement | undefined;

  constructor(text: string) {
    this.text = text;
    this.lineStarts = [0, ...[...text.matchAll(/\n/g)].map((m) => m.index + 1)];
    this.parser.on("error", (e) => {
      throw this.error(
        "XML_SYNTAX",
        `the document is not well-formed XML: ${e.message.replace(/^.*?\d+:\d+: /, "").replace(/\.$/, "")}`,
      );
    });
    this.parser.on("doctype", () => {
      throw this.error("XML_FORBIDDEN", "a document type definition is not allowed");
    });
    this.parser.on("processinginstruction", (pi) => {
      throw this.error("XML_FORBIDDEN", `the processing instruction "${pi.target}" is not allowed`);
    });
    this.parser.on("opentagstart", () => this.onTagStart());
    this.parser.on("attribute", (a) => this.onAttribute(a));
    this.parser.on("opentag", (tag) => this.onOpen(tag));
    this.parser.on("text", (t) => this.onText(t));
    this.parser.on("cdata", (t) => this.onText(t));
    this.parser.on("closetag", () => this.open.pop());
  }

  read(): XmlElement {
    this.parser.write(this.text).close();
    if (this.root === undefined) throw this.error("XML_SYNTAX", "the document has no element");
    return this.root;
  }

  private onTagStart(): void {
    this.attributes = [];
    this.tagStart = this.position(this.text.lastIndexOf("<", this.parser.position - 1));
    this.elements += 1;
    if (this.elements > XML_LIMITS.elements) {
      throw this.error("XML_LIMIT", `the document has more than ${XML_LIMITS.elements} elements`);
    }
    if (this.open.length >= XML_LIMITS.depth) {
      throw this.error("XML_LIMIT", `the document nests deeper than ${XML_LIMITS.depth} elements`);
    }
  }

  private onAttribute(a: { name: string; prefix: string; value: string }): void {
    if (this.attributes.length >= XML_LIMITS.attributesPerElement) {
      throw this.error("XML_LIMIT", `an element has more than ${XML_LIMITS.attributesPerElement} attributes`);
    }
    // The parser stands behind the closing quote; a value cannot contain its own quote.
    const end = this.parser.position - 1;
    const quote = this.text.lastIndexOf(this.text.charAt(end), end - 1);
    const at = this.position(this.text.lastIndexOf(a.name, quote - 1));
    this.attributes.push({ name: a.name, prefix: a.prefix, value: a.value, ...at });
  }

  private onOpen(tag: {
    name: string;
    local: string;
    prefix: string;
    uri: string;
    ns: Record<string, string>;
  }): void {
    const parent = this.open.at(-1);
    const declared = Object.entries(tag.ns);
    const outer = parent?.namespaces ?? new Map<string, string>();
    const element: Building = {
      name: tag.name,
      local: tag.local,
      prefix: tag.prefix,
      uri: tag.uri,
      attributes: this.attributes,
      children: [],
      parent,
      namespaces: declared.length === 0 ? outer : new Map([...outer, ...declared]),
      ...this.tagStart,
    };
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

  private position(offset: number): Position {
    let low = 0;
    let high = this.lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.lineStarts[low] ?? 0) + 1 };
  }

  private error(reason: "XML_SYNTAX" | "XML_FORBIDDEN" | "XML_LIMIT", what: string): VirtError {
    const path = `/${this.open.map((e) => e.name).join("/")}`;
    return errorAt(reason, what, path, { line: this.parser.line, column: this.parser.column + 1 });
  }
}
