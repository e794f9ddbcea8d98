import type { MigrationLimits, UpdateMigrationLimitsRequest } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { VirtError } from "@virtmesh/core/errors";
import { type Limits, MAX_MIGRATIONS } from "./limits.ts";

/** How many there are now. */
export interface Traffic {
  readonly runningOutgoing: number;
  readonly runningIncoming: number;
  readonly waitingOutgoing: number;
  readonly waitingIncoming: number;
}

interface LimitField {
  readonly limit: keyof Limits;
  readonly field: keyof MigrationLimits;
}

const FIELDS: Readonly<Record<string, LimitField>> = {
  outgoing: { limit: "outgoing", field: "outgoing" },
  incoming: { limit: "incoming", field: "incoming" },
  per_link: { limit: "perLink", field: "perLink" },
  outgoing_bandwidth_bytes_per_second: {
    limit: "outgoingBandwidth",
    field: "outgoingBandwidthBytesPerSecond",
  },
  incoming_bandwidth_bytes_per_second: {
    limit: "incomingBandwidth",
    field: "incomingBandwidthBytesPerSecond",
  },
  link_bandwidth_bytes_per_second: { limit: "linkBandwidth", field: "linkBandwidthBytesPerSecond" },
};

export function limitsToWire(limits: Limits, traffic: Traffic): MigrationLimits {
  return {
    outgoing: limits.outgoing,
    incoming: limits.incoming,
    perLink: limits.perLink,
    outgoingBandwidthBytesPerSecond: limits.outgoingBandwidth,
    incomingBandwidthBytesPerSecond: limits.incomingBandwidth,
    linkBandwidthBytesPerSecond: limits.linkBandwidth,
    ...traffic,
  };
}

/** What a request changes: the fields of its mask, or all of them without one. @throws INVALID_FIELD */
export function limitsChange(request: UpdateMigrationLimitsRequest): Partial<Limits> {
  const { limits } = request;
  if (limits === undefined) throw invalid("limits", "must be set");
  const paths = request.updateMask ?? Object.keys(FIELDS);
  return Object.fromEntries(
    paths.map((path) => {
      const known = FIELDS[path];
      if (known === undefined)
        throw invalid("update_mask", `"${path}" is none of ${Object.keys(FIELDS).join(", ")}`);
      const value = limits[known.field];
      if (typeof value === "number" && (value < 1 || value > MAX_MIGRATIONS))
        throw invalid(
          `limits.${path}`,
          `must be from 1 to ${MAX_MIGRATIONS}, not ${value}; to take no guests at all, cordon the host`,
        );
      return [known.limit, value];
    }),
  );
}

function invalid(field: string, description: string): VirtError {
  return new VirtError("INVALID_FIELD", `${field}: ${description}`, { violations: [{ field, description }] });
}
