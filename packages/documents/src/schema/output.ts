import type { XmlAttribute, XmlTree } from "../xml/tree.ts";
import type { QName } from "./content.ts";
import { qualifiedName } from "./content.ts";

/** One element while it is written. */
export class Output {
  private readonly name: QName;
  private readonly namespaces: Map<string, string>;
  private readonly attributes: XmlAttribute[] = [];
  private readonly children: (XmlTree | string)[] = [];

  private constructor(name: QName, namespaces: Map<string, string>) {
    this.name = name;
    this.namespaces = namespaces;
    if (name.prefix !== "") namespaces.set(name.prefix, name.uri);
  }

  /** The root of a document; prefixes used by the schema below it are declared on it. */
  static document(name: QName, fill: (root: Output) => void): XmlTree {
    const namespaces = new Map<string, string>();
    const root = new Output(name, namespaces);
    fill(root);
    const declared = [...namespaces].map(([prefix, uri]) => ({ name: `xmlns:${prefix}`, value: uri }));
    return { ...root.tree(), attributes: [...root.attributes, ...declared] };
  }

  attribute(name: string, value: string): void {
    this.attributes.push({ name, value });
  }

  text(text: string): void {
    if (text !== "") this.children.push(text);
  }

  raw(tree: XmlTree): void {
    this.children.push(tree);
  }

  child(name: QName, fill: (child: Output) => void): void {
    const child = new Output(name, this.namespaces);
    fill(child);
    this.children.push(child.tree());
  }

  private tree(): XmlTree {
    return { name: qualifiedName(this.name), attributes: this.attributes, children: this.children };
  }
}
