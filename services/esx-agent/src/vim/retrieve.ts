import type { Reference, VimObject } from "./encode.ts";
import { childOf, childrenOf, textAt, type VimNode } from "./node.ts";
import { type CallOptions, referenceOf, type VimSession } from "./session.ts";

export interface Retrieved {
  readonly object: Reference;
  /** By path; one that the object does not have is missing. */
  readonly properties: ReadonlyMap<string, VimNode>;
}

const PAGE = 200;

/** The properties of everything that a PropertyFilterSpec selects, once. */
export async function retrieve(
  session: VimSession,
  spec: VimObject,
  options: CallOptions,
): Promise<Retrieved[]> {
  const collector = session.manager("propertyCollector");
  const args = { specSet: spec, options: { maxObjects: PAGE } };
  let page = childOf(await session.call("RetrievePropertiesEx", collector, args, options), "returnval");
  const found: Retrieved[] = [];
  for (;;) {
    found.push(...childrenOf(page, "objects").map(readObject));
    const token = textAt(page, "token");
    if (token === undefined) return found;
    page = childOf(
      await session.call("ContinueRetrievePropertiesEx", collector, { token }, options),
      "returnval",
    );
  }
}

/** Some properties of one object. @throws VimFault ManagedObjectNotFound */
export async function propertiesOf(
  session: VimSession,
  object: Reference,
  paths: readonly string[],
  options: CallOptions,
): Promise<ReadonlyMap<string, VimNode>> {
  const spec = { propSet: { type: object.type, pathSet: paths }, objectSet: { obj: object } };
  const [found] = await retrieve(session, spec, options);
  return found?.properties ?? new Map();
}

function readObject(node: VimNode): Retrieved {
  const obj = childOf(node, "obj");
  const properties = new Map<string, VimNode>();
  for (const part of childrenOf(node, "propSet")) {
    const value = childOf(part, "val");
    if (value !== undefined) properties.set(textAt(part, "name") ?? "", value);
  }
  return { object: referenceOf(obj ?? node), properties };
}
