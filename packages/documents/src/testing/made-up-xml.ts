import type { Described, Item } from "../schema/describe.ts";
import type { Texts } from "../schema/kinds.ts";
import type { XmlAttribute, XmlTree } from "../xml/tree.ts";

/** Levels below the root that are filled with what may be left out. */
const DEEPEST = 9;

/** Some texts of a shape. */
export type TextsOf = (shape: RegExp) => readonly string[];

/**
 * An element that a schema says it reads, with anything in it that it says it may have: what is required, and now
 * and then what is not. What elements say about each other is not looked at.
 */
export function madeUpXml(name: string, schema: Described, seed: number, textsOf: TextsOf): XmlTree {
  return new Maker(seed, textsOf).element(name, schema, 0);
}

class Maker {
  private state: number;
  private readonly textsOf: TextsOf;

  constructor(seed: number, textsOf: TextsOf) {
    this.state = seed;
    this.textsOf = textsOf;
  }

  element(name: string, schema: Described, depth: number): XmlTree {
    const attributes: XmlAttribute[] = [];
    const children: (XmlTree | string)[] = [];
    this.fill(schema.describe(), depth, attributes, children);
    return { name, attributes, children };
  }

  private fill(
    items: readonly Item[],
    depth: number,
    attributes: XmlAttribute[],
    children: (XmlTree | string)[],
  ): void {
    for (const item of items) {
      if (!this.isThere(item, depth)) continue;
      switch (item.kind) {
        case "attribute":
          if (!attributes.some((a) => a.name === item.name))
            attributes.push({ name: item.name, value: this.text(item.texts, item.allowed) });
          break;
        case "text":
          children.push(this.text(item.texts, item.allowed));
          break;
        case "element":
          for (let n = item.many ? this.number(1, 2) : 1; n > 0; n--)
            children.push(this.element(item.name, item.schema, depth + 1));
          break;
        case "alternatives": {
          const { name, schema } = this.one(item.elements);
          children.push(this.element(name, schema, depth + 1));
          break;
        }
        case "choice": {
          const variant = this.one(item.variants);
          attributes.push({ name: item.attribute, value: variant.name });
          this.fill(variant.items, depth, attributes, children);
          break;
        }
        case "kept":
          children.push({ name: item.name, attributes: [{ name: "a", value: "<&'\n" }], children: ["kept"] });
          break;
      }
    }
  }

  private isThere(item: Item, depth: number): boolean {
    if (item.kind === "choice") return true;
    if (item.presence.is === "required" && !(item.kind === "element" && item.many)) return true;
    // The root has everything now and then; further down it thins out.
    return depth < DEEPEST && this.number(0, depth < 2 ? 3 : 2 + depth) === 0;
  }

  private text(texts: Texts | undefined, allowed: string): string {
    if (texts === undefined) throw new Error(`nothing says which texts are "${allowed}"`);
    if ("names" in texts) return this.one(texts.names);
    if ("shape" in texts) return this.one(this.textsOf(texts.shape));
    const { from, to } = texts;
    const edge = this.number(0, 5);
    if (edge < 2) return String(edge === 0 ? from : to);
    const digits = BigInt(this.number(0, 0xffff)) ** BigInt(this.number(1, 4));
    return String(from + (digits % (to - from + 1n)));
  }

  /** One of `min` to `max`, by mulberry32. */
  private number(min: number, max: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return min + (((t ^ (t >>> 14)) >>> 0) % (max - min + 1));
  }

  private one<T>(values: readonly T[]): T {
    const value = values[this.number(0, values.length - 1)];
    if (value === undefined) throw new Error("there is nothing to choose from");
    return value;
  }
}
