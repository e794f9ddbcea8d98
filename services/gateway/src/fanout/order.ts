import { type Domain, DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { VirtError } from "@virtmesh/core/errors";

export type Value = string | number | bigint | boolean;

/** Where an item stands in a list over several hosts. */
export interface Place {
  readonly values: readonly Value[];
  readonly key: string;
  readonly uri: string;
}

export interface Term {
  readonly field: string;
  readonly descending: boolean;
}

type Reader = (domain: Domain) => Value;

/** Fields that agents order by, read from what they answer; the same values, so that the orders agree. */
const READERS: Readonly<Record<string, Reader>> = {
  name: (d) => d.name,
  uuid: (d) => d.uuid,
  state: (d) => stateName(d.state),
  state_reason: (d) => d.stateReason,
  type: (d) => d.type,
  title: (d) => d.title,
  description: (d) => d.description,
  persistent: (d) => d.persistent,
  autostart: (d) => d.autostart,
  updated: (d) => d.updated,
  vcpus: (d) => d.vcpus,
  memory_bytes: (d) => d.memoryBytes,
  max_memory_bytes: (d) => d.maxMemoryBytes,
  id: (d) => d.id,
};

/** An order of AIP-132; empty means by name. @throws INVALID_FIELD. */
export function parseOrder(orderBy: string): Term[] {
  return (orderBy.trim() === "" ? "name" : orderBy).split(",").map((term) => {
    const [field = "", direction, ...more] = term.trim().split(/\s+/);
    if (!Object.hasOwn(READERS, field)) {
      throw invalid(`there is no field "${field}" to order by, there are ${Object.keys(READERS).join(", ")}`);
    }
    if (more.length > 0 || (direction !== undefined && direction !== "desc" && direction !== "asc")) {
      throw invalid(`after "${field}" only "desc" or "asc" may stand, as in "${field} desc"`);
    }
    return { field, descending: direction === "desc" };
  });
}

export function placeOf(domain: Domain, order: readonly Term[]): Place {
  return {
    values: order.map((term) => READERS[term.field]?.(domain) ?? ""),
    key: domain.uuid,
    uri: domain.uri,
  };
}

/** By the order's fields, then UUID, then host: no two places are equal. */
export function comparePlaces(a: Place, b: Place, order: readonly Term[]): number {
  for (const [i, term] of order.entries()) {
    const sign = compare(a.values[i] ?? "", b.values[i] ?? "");
    if (sign !== 0) return term.descending ? -sign : sign;
  }
  return compare(a.key, b.key) || compare(a.uri, b.uri);
}

function compare(a: Value, b: Value): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function stateName(state: DomainState): string {
  const found = Object.entries(DomainState).find(([, number]) => number === state);
  return found?.[0].replace("DOMAIN_STATE_", "").toLowerCase() ?? "";
}

function invalid(what: string): VirtError {
  return new VirtError("INVALID_FIELD", `the order cannot be understood: ${what}`, {
    violations: [{ field: "order_by", description: what }],
  });
}
