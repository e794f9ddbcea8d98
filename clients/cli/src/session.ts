import {
  ListDomainsRequest,
  type ListDomainsResponse,
  DomainServiceService,
} from "@virtmesh/api/gen/virtmesh/v1/domain";
import { VirtError } from "@virtmesh/core/errors";
import { parseUuid } from "@virtmesh/core/ids";
import { isUriPattern } from "@virtmesh/core/uri";
import type { Terminal } from "./terminal.ts";
import type { Rpc } from "./rpc.ts";
import { formatAddress, parseAddress, type Target } from "./target.ts";

/** What stands before the verb. */
export interface Globals {
  /** Connection URI or pattern; empty means the whole fleet. */
  readonly connect: string;
  readonly gateway: string;
  readonly tlsDir: string;
  readonly json: boolean;
  readonly quiet: boolean;
  /** For one answer, in milliseconds. */
  readonly timeoutMs: number;
}

/** What a verb works with. */
export interface Session {
  readonly globals: Globals;
  readonly rpc: Rpc;
  readonly terminal: Terminal;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** The verb takes Ctrl-C for itself: `act` runs instead of the abort. Dispose to give it back. */
  onInterrupt(act: () => void): Disposable;
}

/** The connection of a verb that works on one host: -c, which must not be a pattern. */
export function oneConnection(session: Session, given = ""): string {
  const uri = given === "" ? session.globals.connect : given;
  if (isUriPattern(uri)) {
    throw new VirtError(
      "INVALID_URI",
      'this needs one connection: say which with -c, as in "-c qemu://host-a/system"',
    );
  }
  return uri;
}

/** The guest a command names. A bare name is looked up over the connections that -c allows. */
export async function resolveTarget(session: Session, text: string): Promise<Target> {
  const address = parseAddress(text);
  if (address.kind === "placed") return address.target;
  const { connect } = session.globals;
  if (!isUriPattern(connect)) return { uri: connect, domain: address.domain };
  return searchFleet(session, address.domain);
}

async function searchFleet(session: Session, domain: string): Promise<Target> {
  const uuid = parseUuid(domain);
  const { domains, unreachable } = await listAll(
    session,
    session.globals.connect,
    uuid === undefined ? `name = ${quote(domain)}` : "",
  );
  const matches = domains.filter((d) =>
    uuid === undefined ? d.name === domain : d.uuid === uuid || d.name === domain,
  );
  const silent =
    unreachable.length === 0 ? "" : ` (not asked, because unreachable: ${unreachable.join(", ")})`;
  const [first, ...others] = matches;
  if (first === undefined) {
    throw new VirtError("DOMAIN_NOT_FOUND", `no host has a guest "${domain}"${silent}`, {
      metadata: { domain },
    });
  }
  if (others.length > 0) {
    const places = matches.map(({ uri, name: domain }) => formatAddress({ uri, domain }));
    throw new VirtError("AMBIGUOUS_HOST", `"${domain}" is on ${matches.length} hosts: ${places.join(", ")}`);
  }
  return { uri: first.uri, domain: first.uuid };
}

/** Every guest of a connection or pattern, all pages of it. */
export async function listAll(
  session: Session,
  uri: string,
  filter: string,
  orderBy = "",
): Promise<ListDomainsResponse> {
  const all: ListDomainsResponse = { domains: [], unreachable: [], nextPageToken: "" };
  let pageToken = "";
  do {
    const request = ListDomainsRequest.fromPartial({ uri, filter, orderBy, pageToken, pageSize: 500 });
    const page = await session.rpc.unary(DomainServiceService.listDomains, request);
    all.domains.push(...page.domains);
    for (const host of page.unreachable) if (!all.unreachable.includes(host)) all.unreachable.push(host);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return all;
}

/** A string of the filter language (AIP-160). */
function quote(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}
