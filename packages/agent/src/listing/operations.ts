import type { OperationState } from "../operations/state.ts";
import type { Listing } from "./page.ts";

/** Operations; `domain` is the guest's name or UUID. */
export const OPERATION_LISTING: Listing<OperationState> = {
  fields: {
    done: { kind: "boolean", read: (o) => o.result !== undefined },
    verb: { kind: "text", read: (o) => o.metadata.verb },
    domain: { kind: "text", read: (o) => [o.metadata.domainName, o.metadata.domainUuid] },
    parent: { kind: "text", read: (o) => o.metadata.parent },
    actor: { kind: "text", read: (o) => o.metadata.actor },
    start_time_ms: { kind: "number", read: (o) => o.metadata.startTime?.getTime() ?? 0 },
  },
  keyOf: (o) => o.id,
  defaultOrder: "start_time_ms desc",
  defaultSize: 100,
  maxSize: 1_000,
};
