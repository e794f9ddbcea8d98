import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { Listing } from "./page.ts";

/** Guests, by the names their fields have in the contract. */
export const DOMAIN_LISTING: Listing<DomainInfo> = {
  fields: {
    name: { kind: "text", read: (d) => d.name },
    uuid: { kind: "text", read: (d) => d.uuid },
    state: { kind: "text", read: (d) => d.state },
    state_reason: { kind: "text", read: (d) => d.stateReason },
    type: { kind: "text", read: (d) => d.type },
    title: { kind: "text", read: (d) => d.title },
    description: { kind: "text", read: (d) => d.description },
    persistent: { kind: "boolean", read: (d) => d.persistent },
    autostart: { kind: "boolean", read: (d) => d.autostart },
    updated: { kind: "boolean", read: (d) => d.updated },
    vcpus: { kind: "number", read: (d) => d.vcpus },
    memory_bytes: { kind: "number", read: (d) => d.memoryBytes },
    max_memory_bytes: { kind: "number", read: (d) => d.maxMemoryBytes },
    id: { kind: "number", read: (d) => d.id },
  },
  keyOf: (d) => d.uuid,
  defaultOrder: "name",
  defaultSize: 1_000,
  maxSize: 5_000,
};
