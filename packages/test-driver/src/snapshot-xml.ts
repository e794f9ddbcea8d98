import type { SnapshotInfo } from "@virtmesh/core/driver/snapshots";
import { withoutSecrets } from "@virtmesh/documents/domain/forms";
import { domainSchema, type IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { document } from "@virtmesh/documents/schema/document";
import { big, nonEmpty, oneOf, text } from "@virtmesh/documents/schema/kinds";
import { attributeChild, child, kept, optional, textChild } from "@virtmesh/documents/schema/parts";
import { element } from "@virtmesh/documents/schema/schema";

const snapshotDocument = document(
  "domainsnapshot",
  element({
    name: optional(textChild("name", nonEmpty)),
    description: optional(textChild("description", text)),
    state: optional(textChild("state", nonEmpty)),
    creationTime: optional(textChild("creationTime", big)),
    parent: optional(child("parent", element({ name: textChild("name", nonEmpty) }))),
    memory: optional(attributeChild("memory", "snapshot", oneOf("no", "internal", "external"))),
    disks: kept("disks"),
    domain: optional(child("domain", domainSchema)),
  }),
);

/** What a document asks for; the rest of it is what a snapshot that exists says of itself. */
export function readSnapshotXml(xml: string): {
  readonly name: string;
  readonly description: string;
  readonly diskOnly: boolean;
} {
  const { name = "", description = "", memory } = snapshotDocument.parse(xml);
  return { name, description, diskOnly: memory === "no" };
}

export function snapshotXml(info: SnapshotInfo, model: IdentifiedDomain, secure: boolean): string {
  return snapshotDocument.format({
    name: info.name,
    ...(info.description === "" ? {} : { description: info.description }),
    state: info.state,
    creationTime: BigInt(Math.trunc(info.createTimeMs / 1000)),
    ...(info.parent === "" ? {} : { parent: { name: info.parent } }),
    memory: info.memory ? "internal" : "no",
    domain: secure ? model : withoutSecrets(model),
  });
}
