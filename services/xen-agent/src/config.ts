import { toggle } from "@virtmesh/kit/config";

/** Flags of the xen-agent, beside those that every agent has. */
export const XEN_OPTIONS = {
  allowPlaintextMigration: {
    flag: "allow-plaintext-migration",
    env: "VIRTMESH_ALLOW_PLAINTEXT_MIGRATION",
    help: "guests may be sent and taken in the clear when the caller asks for it",
    type: toggle,
    default: false,
  },
} as const;
