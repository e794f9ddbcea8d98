import type { Agent } from "@virtmesh/api/gen/virtmesh/v1/agent";
import type { Call } from "@virtmesh/core/call";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";
import type { Chassis } from "../chassis.ts";
import type { DomainPlace } from "../convert/domain.ts";
import type { EventHub } from "../events/event-hub.ts";
import type { TokenGuard } from "../tokens/token-guard.ts";

/** The chassis with what only the agent's own services need of it. */
export interface ServiceContext extends Chassis {
  readonly tokens: TokenGuard;
  readonly events: EventHub;
  describeAgent(): Agent;
}

export function placeOf(c: ServiceContext, uuid: string): DomainPlace {
  const holder = c.queue.holderOf(uuid);
  return {
    uri: c.uris[0],
    host: c.host,
    generation: c.tokens.generationOf(uuid),
    currentOperation: holder === undefined ? "" : holder.operation || holder.verb,
  };
}

/** A guest by UUID or name. Throws DOMAIN_NOT_FOUND. */
export function findDomain(c: Chassis, ref: string): DomainInfo {
  if (ref === "") {
    throw new VirtError("INVALID_FIELD", "the request names no guest, set domain to a UUID or a name", {
      violations: [{ field: "domain", description: "must not be empty" }],
    });
  }
  const info = c.driver.domains.find(ref);
  if (!info) {
    throw new VirtError("DOMAIN_NOT_FOUND", `there is no guest "${ref}" on host ${c.host}`, {
      resource: { type: "domain", name: ref },
      metadata: { host: c.host },
    });
  }
  return info;
}

/** A call for work that goes on after its caller has its answer. */
export function outliving(call: Call, signal: AbortSignal): Call {
  return { signal, trace: call.trace, actor: call.actor, requestId: call.requestId };
}
