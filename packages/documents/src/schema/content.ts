import type { Position, ReadAttribute, XmlElement } from "../xml/tree.ts";
import { elementsOf, errorAt, pathOf } from "../xml/tree.ts";
import type { Kind } from "./kinds.ts";

/** Name of an element in a schema; without a namespace unless it has one. */
export interface QName {
  readonly local: string;
  readonly uri: string;
  readonly prefix: string;
}

/** The content of one element while it is read: parts take what is theirs, and what nobody took is refused. */
export class Content {
  readonly element: XmlElement;
  private readonly attributes: Map<string, ReadAttribute>;
  private readonly children: Set<XmlElement>;
  private readonly known: string[] = [];
  private textTaken = false;

  constructor(element: XmlElement) {
    this.element = element;
    this.attributes = new Map(
      element.attributes.filter((a) => a.prefix !== "xmlns" && a.name !== "xmlns").map((a) => [a.name, a]),
    );
    this.children = new Set(elementsOf(element));
  }

  takeAttribute(name: string): ReadAttribute | undefined {
    this.known.push(`@${name}`);
    const found = this.attributes.get(name);
    this.attributes.delete(name);
    return found;
  }

  /** `only` leaves those to others that it does not want. */
  takeChildren(name: QName, only?: (child: XmlElement) => boolean): readonly XmlElement[] {
    this.known.push(`<${qualifiedName(name)}>`);
    const found = [...this.children].filter(
      (c) => c.local === name.local && c.uri === name.uri && (only === undefined || only(c)),
    );
    for (const child of found) this.children.delete(child);
    return found;
  }

  /** The one child of that name; a second one is refused. */
  takeChild(name: QName, only?: (child: XmlElement) => boolean): XmlElement | undefined {
    const [first, second] = this.takeChildren(name, only);
    if (second === undefined) return first;
    throw errorAt("XML_INVALID", `a second <${second.name}>`, pathOf(second), second, "only one is allowed");
  }

  /** Every child without a namespace whose name is one of those, with the name. */
  takeChildrenNamed<N>(names: Kind<N>): readonly (readonly [N, XmlElement])[] {
    this.known.push(names.expected.replaceAll(/[^, ]+/g, "<$&>"));
    const found = [...this.children].flatMap((c): [N, XmlElement][] => {
      const name = c.uri === "" ? names.parse(c.local) : undefined;
      return name === undefined ? [] : [[name, c]];
    });
    for (const [, child] of found) this.children.delete(child);
    return found;
  }

  takeText(): string {
    this.textTaken = true;
    return this.element.children.filter((c) => typeof c === "string").join("");
  }

  /** @throws XML_INVALID naming what was found and what is allowed. */
  parse<T>(kind: Kind<T>, raw: string, attribute?: ReadAttribute): T {
    const value = kind.parse(raw);
    if (value !== undefined) return value;
    const what =
      attribute === undefined ? `the text of <${this.element.name}>` : `attribute "${attribute.name}"`;
    throw this.invalid(`${what} is ${quote(raw)}`, `it must be ${kind.expected}`, attribute);
  }

  invalid(what: string, remedy: string, attribute?: ReadAttribute): Error {
    return errorAt("XML_INVALID", what, this.pathOf(attribute), attribute ?? this.element, remedy);
  }

  /** @throws XML_UNKNOWN for the first thing that no part took. */
  finish(): void {
    const [attribute] = this.attributes.values();
    const allowed =
      this.known.length === 0 ? "nothing is known here" : `known here: ${this.known.join(", ")}`;
    if (attribute !== undefined) {
      throw errorAt(
        "XML_UNKNOWN",
        `unknown attribute "${attribute.name}"`,
        this.pathOf(attribute),
        attribute,
        allowed,
      );
    }
    const [child] = this.children;
    if (child !== undefined) {
      throw errorAt("XML_UNKNOWN", `unknown element <${child.name}>`, pathOf(child), child, allowed);
    }
    const stray = this.textTaken
      ? undefined
      : this.element.children.find((c) => typeof c === "string" && c.trim() !== "");
    if (typeof stray === "string") {
      throw errorAt(
        "XML_UNKNOWN",
        `unexpected text ${quote(stray.trim())}`,
        this.pathOf(),
        this.element,
        allowed,
      );
    }
  }

  private pathOf(attribute?: ReadAttribute & Position): string {
    return attribute === undefined ? pathOf(this.element) : `${pathOf(this.element)}/@${attribute.name}`;
  }
}

export function qualifiedName(name: QName): string {
  return name.prefix === "" ? name.local : `${name.prefix}:${name.local}`;
}

export function quote(found: string): string {
  return found.length > 60 ? `"${found.slice(0, 60)}..."` : `"${found}"`;
}
