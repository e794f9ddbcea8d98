import { VirtError } from "@virtmesh/core/errors";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import type { XmlTree } from "@virtmesh/documents/xml/tree";

/** Namespace of what a container's metadata says to this agent. */
export const LXC_NAMESPACE = "https://virtmesh.dev/lxc/1";

/**
 * The folder that takes what a container changes of its root, which stays as it is and can be the root of many:
 * `<overlay xmlns="https://virtmesh.dev/lxc/1" upper="/srv/web"/>` in the metadata. libvirt's documents have no place
 * for it. undefined for a container that has its root to itself.
 */
export function overlayOf({ metadata }: DomainDefinition): string | undefined {
  const elements = metadata?.children.filter((child) => typeof child !== "string") ?? [];
  const found = elements.find((tree) => localName(tree) === "overlay" && declares(tree));
  if (found === undefined) return undefined;
  const upper = attribute(found, "upper") ?? "";
  if (upper.startsWith("/")) return upper;
  throw new VirtError(
    "XML_INVALID",
    `the overlay in <metadata> needs the folder for changes: upper="/srv/changes", not "${upper}"`,
    { violations: [{ field: "/domain/metadata/overlay/@upper", description: "must be an absolute path" }] },
  );
}

function localName(tree: XmlTree): string {
  return tree.name.slice(tree.name.indexOf(":") + 1);
}

function declares(tree: XmlTree): boolean {
  const colon = tree.name.indexOf(":");
  return attribute(tree, colon < 0 ? "xmlns" : `xmlns:${tree.name.slice(0, colon)}`) === LXC_NAMESPACE;
}

function attribute(tree: XmlTree, name: string): string | undefined {
  return tree.attributes.find((a) => a.name === name)?.value;
}
