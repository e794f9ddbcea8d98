import type { Position, ReadAttribute, XmlElement } from "../xml/tree.ts";
import { errorAt, pathOf } from "../xml/tree.ts";
import type { Item } from "./describe.ts";
import type { Kind } from "./kinds.ts";

/** Name of an element in a schema; without a namespace unless it has one. */
export interface QName {
  readonly local: string;
  readonly uri: string;
  readonly prefix: string;
}

const NOTHING: readonly XmlElement[] = [];

/**
 * The content of one element while it is read: parts take what is theirs, and what nobody took is refused. Elements
 * have few attributes and children, so looking through them is the quickest way to find one.
 */
export class Content {
  readonly element: XmlElement;
  /** What is not taken yet; undefined where it was. */
  private readonly attributes: (ReadAttribute | undefined)[];
  private readonly children: (XmlElement | string | undefined)[];
  private textTaken = false;

  constructor(element: XmlElement) {
    this.element = element;
    this.attributes = element.attributes.slice();
    this.children = element.children.slice();
  }

  takeAttribute(name: string): ReadAttribute | undefined {
    const { attributes } = this;
    for (let i = 0; i < attributes.length; i++) {
      const found = attributes[i];
      if (found === undefined || found.name !== name) continue;
      attributes[i] = undefined;
      return found;
    }
    return undefined;
  }

  /** `only` leaves those to others that it does not want. */
  takeChildren(name: QName, only?: (child: XmlElement) => boolean): readonly XmlElement[] {
    const { children } = this;
    let taken: XmlElement[] | undefined;
    for (let i = 0; i < children.length; i++) {
      const found = children[i];
      if (typeof found !== "object" || found.local !== name.local || found.uri !== name.uri) continue;
      if (only !== undefined && !only(found)) continue;
      children[i] = undefined;
      if (taken === undefined) taken = [found];
      else taken.push(found);
    }
    return taken ?? NOTHING;
  }

  /** The one child of that name; a second one is refused. */
  takeChild(name: QName, only?: (child: XmlElement) => boolean): XmlElement | undefined {
    const taken = this.takeChildren(name, only);
    const second = taken[1];
    if (second === undefined) return taken[0];
    throw errorAt("XML_INVALID", `a second <${second.name}>`, pathOf(second), second, "only one is allowed");
  }

  /** Every child without a namespace whose name is one of those, with the name. */
  takeChildrenNamed<N>(names: Kind<N>): readonly (readonly [N, XmlElement])[] {
    const { children } = this;
    return children.flatMap((found, i): [N, XmlElement][] => {
      const name = typeof found === "object" && found.uri === "" ? names.parse(found.local) : undefined;
      if (name === undefined || typeof found !== "object") return [];
      children[i] = undefined;
      return [[name, found]];
    });
  }

  takeText(): string {
    this.textTaken = true;
    const { children } = this.element;
    const [only] = children;
    if (children.length === 0) return "";
    if (children.length === 1) return typeof only === "string" ? only : "";
    return children.filter((c) => typeof c === "string").join("");
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

  /** @throws XML_UNKNOWN for the first thing that no part took; `known` tells what there could have been. */
  finish(known: () => readonly Item[]): void {
    for (const attribute of this.attributes) {
      if (attribute === undefined || attribute.prefix === "xmlns" || attribute.name === "xmlns") continue;
      throw errorAt(
        "XML_UNKNOWN",
        `unknown attribute "${attribute.name}"`,
        this.pathOf(attribute),
        attribute,
        this.allowed(known()),
      );
    }
    let text: string | undefined;
    for (const child of this.children) {
      if (typeof child === "object")
        throw errorAt(
          "XML_UNKNOWN",
          `unknown element <${child.name}>`,
          pathOf(child),
          child,
          this.allowed(known()),
        );
      if (child !== undefined && !this.textTaken && text === undefined && child.trim() !== "") text = child;
    }
    if (text !== undefined)
      throw errorAt(
        "XML_UNKNOWN",
        `unexpected text ${quote(text.trim())}`,
        this.pathOf(),
        this.element,
        this.allowed(known()),
      );
  }

  private allowed(items: readonly Item[]): string {
    const names = [...new Set(items.flatMap((item) => this.namesOf(item)))];
    return names.length === 0 ? "nothing is known here" : `known here: ${names.join(", ")}`;
  }

  /** Of a choice only those of the variant that the element is. */
  private namesOf(item: Item): readonly string[] {
    switch (item.kind) {
      case "attribute":
        return [`@${item.name}`];
      case "text":
        return [];
      case "element":
      case "kept":
        return [`<${item.name}>`];
      case "alternatives":
        return item.elements.map(({ name }) => `<${name}>`);
      case "choice": {
        const fallback = item.presence.is === "defaulted" ? item.presence.value : undefined;
        const name = this.element.attributes.find((a) => a.name === item.attribute)?.value ?? fallback;
        const items = item.variants.find((variant) => variant.name === name)?.items ?? [];
        return [`@${item.attribute}`, ...items.flatMap((inner) => this.namesOf(inner))];
      }
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
