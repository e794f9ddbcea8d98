import { identified } from "@virtmesh/agent/guests/definition";
import type { DomainDefinition, IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { completeQemuDomain } from "@virtmesh/documents/domain/semantics/qemu/complete";
import type { QemuCapabilities } from "../capabilities/model.ts";
import { traitsOf } from "../capabilities/traits.ts";

/**
 * With everything written down that decides what hardware the guest finds. Definitions are stored so; one that an
 * earlier agent stored, or one that came from elsewhere, may leave something open.
 */
export function completed(definition: DomainDefinition, capabilities: QemuCapabilities): IdentifiedDomain {
  const traits = traitsOf(capabilities);
  return identified(completeQemuDomain(definition, { traits, newDomain: true }));
}
