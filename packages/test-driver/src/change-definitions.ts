import type { Call } from "@virtmesh/core/call";
import type { ChangeScope } from "@virtmesh/core/driver/change-scope";
import { VirtError } from "@virtmesh/core/errors";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { validateDomain } from "@virtmesh/documents/domain/validate";
import { type Definition, toDefinition } from "./definition.ts";
import type { Guest } from "./guest.ts";
import type { Hypervisor } from "./hypervisor.ts";

/** Changes what runs, what it starts from, or both: each is found possible before either is done. */
export function changeDefinitions(
  hypervisor: Hypervisor,
  guest: Guest,
  scope: ChangeScope,
  change: (model: IdentifiedDomain) => IdentifiedDomain,
  c: Call,
): void {
  const live = scope.live ? changed(hypervisor.running(guest.uuid).instance.definition, change) : undefined;
  const config = scope.config ? changed(persistentOf(guest), change) : undefined;
  if (live !== undefined) hypervisor.redefineRunning(guest, live);
  if (config !== undefined) hypervisor.define(config, c);
}

function changed(from: Definition, change: (model: IdentifiedDomain) => IdentifiedDomain): Definition {
  const model = change(from.model);
  validateDomain(model);
  return { ...toDefinition(model), plan: from.plan };
}

function persistentOf(guest: Guest): Definition {
  if (guest.persistent !== undefined) return guest.persistent;
  throw new VirtError(
    "DOMAIN_TRANSIENT",
    `guest "${guest.name}" is transient and has no definition to change`,
  );
}
