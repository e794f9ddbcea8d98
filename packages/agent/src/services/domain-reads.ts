import type {
  GetDomainXmlRequest,
  GetDomainXmlResponse,
  ListDomainStatsRequest,
  ListDomainsRequest,
  ListDomainsResponse,
} from "@virtmesh/api/gen/virtmesh/v1/domain";
import type { Call } from "@virtmesh/core/call";
import type { DomainStats } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { toWireDomain } from "../convert/domain.ts";
import { DOMAIN_LISTING } from "../listing/domains.ts";
import type { Listing, Page } from "../listing/page.ts";
import { pageOf } from "../listing/page.ts";
import type { ServiceContext } from "./context.ts";
import { findDomain, placeOf } from "./context.ts";

export function listDomains(c: ServiceContext, request: ListDomainsRequest): ListDomainsResponse {
  const page = pageOf(c.driver.domains.list(), request, DOMAIN_LISTING);
  return {
    domains: page.items.map((info) => toWireDomain(info, placeOf(c, info.uuid))),
    nextPageToken: page.nextPageToken,
    unreachable: [],
  };
}

export async function getDomainXml(
  c: ServiceContext,
  request: GetDomainXmlRequest,
  call: Call,
): Promise<GetDomainXmlResponse> {
  const info = findDomain(c, request.domain);
  const { inactive, secure, migratable } = request;
  const xml = await c.driver.domains.xml(info.uuid, { inactive, secure, migratable }, call);
  return { xml, etag: findDomain(c, info.uuid).etag };
}

const STATS_LISTING: Listing<DomainStats> = {
  fields: {},
  keyOf: (s) => s.uuid,
  defaultOrder: "",
  defaultSize: 10_000,
  maxSize: 10_000,
};

/** Statistics of all guests or those asked for; a guest that is named must be there. */
export function listStats(c: ServiceContext, request: ListDomainStatsRequest): Page<DomainStats> {
  const uuids = request.domains.map((ref) => findDomain(c, ref).uuid);
  const all = stats(c, uuids);
  if (request.pageToken === "" && request.pageSize === 0 && all.length <= STATS_LISTING.maxSize) {
    return { items: [...all], nextPageToken: "" };
  }
  return pageOf(all, { ...request, filter: "", orderBy: "" }, STATS_LISTING);
}

function stats(c: ServiceContext, uuids: readonly DomainUuid[]): readonly DomainStats[] {
  if (uuids.length === 0) return c.driver.domains.stats();
  if (uuids.length > STATS_LISTING.maxSize) {
    throw new VirtError(
      "INVALID_FIELD",
      `statistics of at most ${STATS_LISTING.maxSize} guests can be asked for by name`,
    );
  }
  return c.driver.domains.stats(uuids);
}
