import {
  DomainServiceService,
  type DomainStats,
  type ListDomainsRequest,
  type ListDomainsResponse,
  type ListDomainStatsRequest,
  type ListDomainStatsResponse,
} from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  type ListMigrationsRequest,
  type ListMigrationsResponse,
  MigrationServiceService,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import {
  type ListOperationsRequest,
  type ListOperationsResponse,
  OperationServiceService,
} from "@virtmesh/api/gen/virtmesh/v1/operation";
import {
  type ListPoolsRequest,
  type ListPoolsResponse,
  StorageServiceService,
} from "@virtmesh/api/gen/virtmesh/v1/storage";
import type { Call } from "@virtmesh/core/call";
import { VirtError } from "@virtmesh/core/errors";
import { parseUuid } from "@virtmesh/core/ids";
import { concatenate } from "./concatenate.ts";
import type { FanOut } from "./fan-out.ts";
import { fingerprint, mergePages, readPosition, writePosition } from "./merge.ts";
import { parseOrder, placeOf } from "./order.ts";

/** What agents give at most in one page of guests; asking for more would leave holes. */
const MAX_PAGE = 5_000;
const DEFAULT_PAGE = 1_000;
const DEFAULT_OPERATIONS = 100;

/** Guests of many hosts as one list, in one order. */
export async function listDomains(
  fanOut: FanOut,
  request: ListDomainsRequest,
  c: Call,
): Promise<ListDomainsResponse> {
  const size = pageSize(request.pageSize, DEFAULT_PAGE);
  const order = parseOrder(request.orderBy);
  const query = fingerprint(request.uri, request.filter, request.orderBy);
  const from = readPosition(request.pageToken, query, order.length);
  const { answers, unreachable } = await fanOut.askAll(
    fanOut.targets(request.uri),
    DomainServiceService.listDomains,
    (uri): ListDomainsRequest => ({ ...request, uri, pageSize: size, pageToken: from.tokens[uri] ?? "" }),
    c,
  );
  const pages = answers.map(({ uri, answer }) => ({
    uri,
    items: answer.domains,
    nextToken: answer.nextPageToken,
  }));
  const { items, next } = mergePages(pages, from, size, order, (domain) => placeOf(domain, order));
  return {
    domains: items,
    nextPageToken: next === undefined ? "" : writePosition(next, query),
    unreachable: [...unreachable],
  };
}

/**
 * Statistics of many hosts, host after host. Guests asked for by name are picked out here: an agent refuses a
 * name it does not have, and most of them have not.
 */
export async function listDomainStats(
  fanOut: FanOut,
  request: ListDomainStatsRequest,
  c: Call,
): Promise<ListDomainStatsResponse> {
  const names = new Set(request.domains.map((ref) => parseUuid(ref) ?? ref));
  const wanted = (stats: DomainStats): boolean =>
    names.size === 0 || names.has(stats.uuid) || names.has(stats.name);
  const { items, nextPageToken, unreachable } = await concatenate(
    fanOut,
    {
      pattern: request.uri,
      pageToken: request.pageToken,
      size: pageSize(request.pageSize, DEFAULT_PAGE),
      query: fingerprint(request.uri, ...request.domains),
      method: DomainServiceService.listDomainStats,
      request: (uri, size, token): ListDomainStatsRequest => ({
        ...request,
        domains: [],
        uri,
        pageSize: size,
        pageToken: token,
      }),
      read: (answer) => ({ items: answer.stats.filter(wanted), nextToken: answer.nextPageToken }),
    },
    c,
  );
  return { stats: items, nextPageToken, unreachable };
}

/** Operations of many hosts, host after host. */
export async function listOperations(
  fanOut: FanOut,
  request: ListOperationsRequest,
  c: Call,
): Promise<ListOperationsResponse> {
  const { items, nextPageToken, unreachable } = await concatenate(
    fanOut,
    {
      pattern: request.uri,
      pageToken: request.pageToken,
      size: pageSize(request.pageSize, DEFAULT_OPERATIONS),
      query: fingerprint(request.uri, request.filter),
      method: OperationServiceService.listOperations,
      request: (uri, size, token): ListOperationsRequest => ({
        ...request,
        uri,
        pageSize: size,
        pageToken: token,
      }),
      read: (answer) => ({ items: answer.operations, nextToken: answer.nextPageToken }),
    },
    c,
  );
  return { operations: items, nextPageToken, unreachable };
}

/** Storage pools of many hosts, host after host. */
export async function listPools(
  fanOut: FanOut,
  request: ListPoolsRequest,
  c: Call,
): Promise<ListPoolsResponse> {
  const { items, nextPageToken, unreachable } = await concatenate(
    fanOut,
    {
      pattern: request.uri,
      pageToken: request.pageToken,
      size: pageSize(request.pageSize, DEFAULT_PAGE),
      query: fingerprint(request.uri, request.filter),
      method: StorageServiceService.listPools,
      request: (uri, size, token): ListPoolsRequest => ({
        ...request,
        uri,
        pageSize: size,
        pageToken: token,
      }),
      read: (answer) => ({ items: answer.pools, nextToken: answer.nextPageToken }),
    },
    c,
  );
  return { pools: items, nextPageToken, unreachable };
}

/** Migrations that begin at any of the hosts, oldest first. */
export async function listMigrations(
  fanOut: FanOut,
  request: ListMigrationsRequest,
  c: Call,
): Promise<ListMigrationsResponse> {
  const { answers, unreachable } = await fanOut.askAll(
    fanOut.targets(request.uri),
    MigrationServiceService.listMigrations,
    (uri): ListMigrationsRequest => ({ ...request, uri }),
    c,
  );
  const migrations = answers
    .flatMap(({ answer }) => answer.migrations)
    .sort((a, b) => (a.startTime?.getTime() ?? 0) - (b.startTime?.getTime() ?? 0));
  return { migrations, unreachable: [...unreachable] };
}

function pageSize(asked: number, unless: number): number {
  if (asked < 0) {
    throw new VirtError(
      "INVALID_FIELD",
      `a page of ${asked} items cannot be, page_size must not be negative`,
      {
        violations: [{ field: "page_size", description: "must not be negative" }],
      },
    );
  }
  return Math.min(asked === 0 ? unless : asked, MAX_PAGE);
}
