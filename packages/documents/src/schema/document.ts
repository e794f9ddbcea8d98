import { atPlacesOf } from "../xml/locate.ts";
import { readXml } from "../xml/read.ts";
import type { XmlTree } from "../xml/tree.ts";
import { errorAt, pathOf } from "../xml/tree.ts";
import { writeXml } from "../xml/write.ts";
import { Output } from "./output.ts";
import type { Schema } from "./schema.ts";

/** A kind of document: its root element, read and written. */
export interface Document<T> {
  /** @throws XML_SYNTAX, XML_FORBIDDEN, XML_LIMIT, XML_INVALID, XML_UNKNOWN */
  parse(xml: string): T;
  /** @throws XML_INVALID for text that XML cannot hold. */
  format(value: T): string;
  /** What `format` writes, as a tree. */
  tree(value: T): XmlTree;
}

/** `validate` checks what single elements cannot know, and refuses by path. */
export function document<T>(
  rootName: string,
  schema: Schema<T>,
  validate: (value: T) => void = () => undefined,
): Document<T> {
  const tree = (value: T) =>
    Output.document({ local: rootName, uri: "", prefix: "" }, (out) => schema.write(value, out));
  return {
    parse: (xml) => {
      const root = readXml(xml);
      if (root.local !== rootName || root.uri !== "") {
        throw errorAt(
          "XML_INVALID",
          `the document is a <${root.name}>`,
          pathOf(root),
          root,
          `a <${rootName}> is needed`,
        );
      }
      const value = schema.read(root);
      atPlacesOf(root, () => validate(value));
      return value;
    },
    format: (value) => writeXml(tree(value)),
    tree,
  };
}
