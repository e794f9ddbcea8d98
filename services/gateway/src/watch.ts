import {
  type ListDomainsRequest,
  DomainServiceService,
  type Domain,
} from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  type Event,
  EventClass,
  type WatchRequest,
  type WatchResponse,
} from "@virtmesh/api/gen/virtmesh/v1/event";
import type { Call } from "@virtmesh/core/call";
import { VirtError } from "@virtmesh/core/errors";
import { parseUuid } from "@virtmesh/core/ids";
import { isUriPattern, parseConnectionUri } from "@virtmesh/core/uri";
import type { Mesh } from "@virtmesh/mesh/connection";
import { type EventFilter, watchEvents, type WatchItem } from "@virtmesh/mesh/events";
import type { Directory } from "./directory.ts";
import type { FanOut } from "./fanout/fan-out.ts";

/** What a watch needs of the gateway. */
export interface WatchSources {
  readonly mesh: Mesh;
  readonly directory: Directory;
  readonly fanOut: FanOut;
}

/**
 * Events out of JetStream, for one host as for many, so that a resume token holds whatever the gateway does. The
 * snapshot is read from the agents after the watch has begun: what happens meanwhile is told afterwards, and
 * hosts that cannot be asked are named in a gap.
 */
export async function* watch(
  request: WatchRequest,
  sources: WatchSources,
  c: Call,
): AsyncGenerator<WatchResponse> {
  const uri = resolveUri(request.uri, sources.directory);
  const items = watchEvents(sources.mesh, {
    after: request.resumeToken === "" ? "now" : request.resumeToken,
    filter: filterOf(request, uri),
    signal: c.signal,
  });
  let wantsSnapshot = request.sendSnapshot;
  for await (const item of items) {
    if (item.kind === "synced" && wantsSnapshot) {
      wantsSnapshot = false;
      yield* snapshot(request, uri, item.token, sources, c);
    }
    yield responseOf(item);
  }
}

/** The URI with its host; a host that is away may be watched until it is back. */
function resolveUri(text: string, directory: Directory): string {
  if (isUriPattern(text)) return text;
  try {
    const { uris } = directory.find(text);
    const asked = parseConnectionUri(text);
    return uris.find((uri) => parseConnectionUri(uri).scheme === asked.scheme) ?? text;
  } catch (e) {
    if (VirtError.is(e) && e.reason === "HOST_GONE" && parseConnectionUri(text).host !== "") return text;
    throw e;
  }
}

/** @throws INVALID_FIELD for a class that does not exist, as agents do. */
function filterOf(request: WatchRequest, uri: string): EventFilter {
  if (
    request.classes.some((k) => k === EventClass.UNRECOGNIZED || k === EventClass.EVENT_CLASS_UNSPECIFIED)
  ) {
    throw new VirtError("INVALID_FIELD", "a class of events to watch is not one that this gateway knows", {
      violations: [{ field: "classes", description: "unknown class" }],
    });
  }
  const uuid = parseUuid(request.domain);
  const { domain } = request;
  const classes = new Set(request.classes);
  const accept = (event: Event): boolean =>
    (domain === "" || uuid !== undefined || event.domainName === domain) &&
    (classes.size === 0 || classes.has(classOf(event)));
  return { ...(uri === "" ? {} : { uri }), ...(uuid === undefined ? {} : { domainUuid: uuid }), accept };
}

function classOf(event: Event): EventClass {
  switch (event.body?.$case) {
    case "lifecycle":
    case "domainChanged":
      return EventClass.EVENT_CLASS_LIFECYCLE;
    case "blockJob":
      return EventClass.EVENT_CLASS_BLOCK_JOB;
    case "migration":
      return EventClass.EVENT_CLASS_MIGRATION;
    case "device":
      return EventClass.EVENT_CLASS_DEVICE;
    case "ioError":
      return EventClass.EVENT_CLASS_IO_ERROR;
    case "guestPanic":
      return EventClass.EVENT_CLASS_GUEST_PANIC;
    case "snapshot":
      return EventClass.EVENT_CLASS_SNAPSHOT;
    case "resource":
      return EventClass.EVENT_CLASS_RESOURCE;
    case undefined:
      return EventClass.EVENT_CLASS_UNSPECIFIED;
  }
}

async function* snapshot(
  request: WatchRequest,
  uri: string,
  token: string,
  { fanOut }: WatchSources,
  c: Call,
): AsyncGenerator<WatchResponse> {
  const targets = fanOut.targets(uri);
  const uuid = parseUuid(request.domain);
  const wanted = (domain: Domain): boolean =>
    request.domain === "" || domain.uuid === uuid || domain.name === request.domain;
  const tokens = new Map(targets.map((target) => [target.uri, ""]));
  while (tokens.size > 0) {
    const asked = targets.filter((target) => tokens.has(target.uri));
    const { answers, unreachable } = await fanOut.askAll(
      asked,
      DomainServiceService.listDomains,
      (host): ListDomainsRequest => ({
        uri: host,
        pageSize: 0,
        pageToken: tokens.get(host) ?? "",
        filter: "",
        orderBy: "",
      }),
      c,
    );
    tokens.clear();
    for (const { uri: host, answer } of answers) {
      for (const domain of answer.domains.filter(wanted)) {
        yield { resumeToken: token, kind: { $case: "event", value: changed(domain) } };
      }
      if (answer.nextPageToken !== "") tokens.set(host, answer.nextPageToken);
    }
    if (unreachable.length === 0) continue;
    const reason = `the guests of ${unreachable.join(", ")} are missing from the snapshot: no answer`;
    yield { resumeToken: token, kind: { $case: "gap", value: { reason } } };
  }
}

function changed(domain: Domain): Event {
  return {
    id: `snapshot.${domain.host}.${domain.uuid}`,
    time: new Date(),
    uri: domain.uri,
    host: domain.host,
    domainUuid: domain.uuid,
    domainName: domain.name,
    sequence: 0n,
    generation: domain.generation,
    actor: "",
    requestId: "",
    traceparent: "",
    reconciled: false,
    body: { $case: "domainChanged", value: { domain } },
  };
}

function responseOf(item: WatchItem): WatchResponse {
  const resumeToken = item.token;
  switch (item.kind) {
    case "event":
      return { resumeToken, kind: { $case: "event", value: item.event } };
    case "synced":
      return { resumeToken, kind: { $case: "synced", value: {} } };
    case "gap":
      return { resumeToken, kind: { $case: "gap", value: { reason: item.reason } } };
    case "heartbeat":
      return { resumeToken, kind: { $case: "heartbeat", value: { time: item.time } } };
  }
}
