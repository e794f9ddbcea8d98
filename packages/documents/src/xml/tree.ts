import type { ErrorContext, Reason } from "@virtmesh/core/errors";
import { VirtError } from "@virtmesh/core/errors";

/** An attribute as written: `name` with its prefix. */
export interface XmlAttribute {
  readonly name: string;
  readonly value: string;
}

/**
 * XML as plain data, without positions: what is kept verbatim in a model, and what a formatter produces.
 * Comments are not data and are not in it.
 */
export interface XmlTree {
  /** With its prefix, as written. */
  readonly name: string;
  readonly attributes: readonly XmlAttribute[];
  readonly children: readonly (XmlTree | string)[];
}

/** Where something stands in its document, counted from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface ReadAttribute extends XmlAttribute, Position {
  readonly prefix: string;
}

/** An element as it was read, with its place. */
export interface XmlElement extends Position {
  readonly name: string;
  readonly local: string;
  readonly prefix: string;
  /** Namespace; empty for none. */
  readonly uri: string;
  readonly attributes: readonly ReadAttribute[];
  readonly children: readonly (XmlElement | string)[];
  readonly parent: XmlElement | undefined;
  /** Namespaces in effect here, by prefix. */
  readonly namespaces: ReadonlyMap<string, string>;
}

export function elementsOf(element: XmlElement): readonly XmlElement[] {
  return element.children.filter((child) => typeof child !== "string");
}

/** `/domain/devices/disk[2]`: the number only where there are several of that name. */
export function pathOf(element: XmlElement): string {
  const { parent } = element;
  if (parent === undefined) return `/${element.name}`;
  const alike = elementsOf(parent).filter((sibling) => sibling.name === element.name);
  const index = alike.length > 1 ? `[${alike.indexOf(element) + 1}]` : "";
  return `${pathOf(parent)}/${element.name}${index}`;
}

/** An error that names its place: path, line and column are in the message, the metadata and the violation. */
export function errorAt(
  reason: Reason,
  what: string,
  path: string,
  position: Position,
  remedy = "",
): VirtError {
  const place = `${path} (line ${position.line}, column ${position.column})`;
  const context: ErrorContext = {
    metadata: { path, line: String(position.line), column: String(position.column) },
    violations: [{ field: place, description: remedy === "" ? what : `${what}; ${remedy}` }],
  };
  return new VirtError(reason, `${what} at ${place}${remedy === "" ? "" : `; ${remedy}`}`, context);
}
