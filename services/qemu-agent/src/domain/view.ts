import type { DomainInfo } from "@virtmesh/core/driver/domains";
import { summaryOf } from "@virtmesh/documents/domain/info";
import { etagOf } from "@virtmesh/agent/guests/definition";
import type { Guest } from "./guest.ts";

/** A guest as the facet shows it. */
export function infoOf(guest: Guest): DomainInfo {
  const { definition, persistentDefinition, instance } = guest;
  return {
    ...summaryOf(definition),
    state: guest.state,
    stateReason: guest.reason,
    persistent: persistentDefinition !== undefined,
    autostart: guest.autostart,
    updated: isUpdated(guest),
    etag: etagOf(persistentDefinition ?? definition),
    startTimeMs: instance?.allotment.startTimeMs ?? 0,
    id: instance?.allotment.id ?? 0,
  };
}

function isUpdated({ instance, persistentDefinition }: Guest): boolean {
  if (instance === undefined || persistentDefinition === undefined) return false;
  return instance.deviations.length > 0 || instance.allotment.etag !== etagOf(persistentDefinition);
}
