import { createHash } from "node:crypto";
import type { DomainUuid } from "@virtmesh/core/ids";
import { newDomainUuid } from "@virtmesh/core/ids";
import { formatDomain } from "@virtmesh/documents/domain/document";
import type { DomainDefinition, IdentifiedDomain } from "@virtmesh/documents/domain/model";

/** With a UUID: its own or a new one. */
export function identified(definition: DomainDefinition): IdentifiedDomain {
  return { ...definition, uuid: (definition.uuid as DomainUuid | undefined) ?? newDomainUuid() };
}

/** The form that is stored: complete, but without what only holds while the guest runs. */
export function persistentXml(definition: DomainDefinition): string {
  return formatDomain(definition, { inactive: true, secure: true });
}

const etags = new WeakMap<DomainDefinition, string>();

/** Changes with every change of the definition (AIP-154). */
export function etagOf(definition: DomainDefinition): string {
  const known = etags.get(definition);
  if (known !== undefined) return known;
  const etag = createHash("sha256").update(persistentXml(definition)).digest("hex").slice(0, 16);
  etags.set(definition, etag);
  return etag;
}
