import {
  ListPoolsRequest,
  type ListPoolsResponse,
  ListVolumesRequest,
  StorageServiceService as storage,
  type StorageVolume,
} from "@virtmesh/api/gen/virtmesh/v1/storage";
import { VirtError } from "@virtmesh/core/errors";
import { isUriPattern } from "@virtmesh/core/uri";
import type { Session } from "./session.ts";
import { formatAddress, parseAddress } from "./target.ts";

/** A storage pool and the connection that serves it. */
export interface PoolTarget {
  readonly uri: string;
  /** Name or UUID. */
  readonly pool: string;
}

/** The pool a command names. A bare name is looked up over the connections that -c allows. */
export async function resolvePool(session: Session, text: string): Promise<PoolTarget> {
  if (text === "")
    throw new VirtError("INVALID_FIELD", "say in which storage pool: --pool NAME (`pool-list` has them)");
  const address = parseAddress(text);
  if (address.kind === "placed") return { uri: address.target.uri, pool: address.target.domain };
  const { connect } = session.globals;
  const wanted = address.domain;
  if (!isUriPattern(connect)) return { uri: connect, pool: wanted };
  const { pools, unreachable } = await listPools(session, connect);
  const matches = pools.filter(({ name, uuid }) => name === wanted || uuid === wanted);
  const [first, ...others] = matches;
  if (first === undefined) {
    const silent =
      unreachable.length === 0 ? "" : ` (not asked, because unreachable: ${unreachable.join(", ")})`;
    throw new VirtError("POOL_NOT_FOUND", `no host has a storage pool "${wanted}"${silent}`);
  }
  if (others.length > 0) {
    const places = matches.map(({ uri, name: domain }) => formatAddress({ uri, domain }));
    throw new VirtError("AMBIGUOUS_HOST", `"${wanted}" is on ${matches.length} hosts: ${places.join(", ")}`);
  }
  return { uri: first.uri, pool: first.name };
}

/** Every pool of a connection or pattern, all pages of it. */
export async function listPools(session: Session, uri: string): Promise<ListPoolsResponse> {
  const all: ListPoolsResponse = { pools: [], unreachable: [], nextPageToken: "" };
  let pageToken = "";
  do {
    const page = await session.rpc.unary(storage.listPools, ListPoolsRequest.fromPartial({ uri, pageToken }));
    all.pools.push(...page.pools);
    for (const host of page.unreachable) if (!all.unreachable.includes(host)) all.unreachable.push(host);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return all;
}

/** Every volume of a pool, all pages of it. */
export async function listVolumes(
  session: Session,
  target: PoolTarget,
  filter = "",
): Promise<readonly StorageVolume[]> {
  const all: StorageVolume[] = [];
  let pageToken = "";
  do {
    const request = ListVolumesRequest.fromPartial({ ...target, filter, pageToken });
    const page = await session.rpc.unary(storage.listVolumes, request);
    all.push(...page.volumes);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return all;
}
