import { VirtError } from "@virtmesh/core/errors";
import {
  formatConnectionUri,
  isUriPattern,
  matchesUriPattern,
  parseConnectionUri,
  type ConnectionUri,
} from "@virtmesh/core/uri";
import { nearest } from "./near.ts";

/** What routing needs to know of an agent. */
export interface Served {
  readonly host: string;
  /** Connection URIs, each with its host: `qemu://host-a/system`. */
  readonly uris: readonly string[];
  /** When its lease ended, milliseconds since the epoch; absent while it has one. */
  readonly lostAtMs?: number;
  /** It gave the lease back itself: the agent was stopped, as for an upgrade. */
  readonly left?: boolean;
}

/**
 * The agent that serves a connection URI.
 *
 * A URI without a host (`qemu:///system`) stands for the only host that serves it. An agent that lost its lease
 * counts too: otherwise a command meant for one host would reach another as soon as the first is away.
 *
 * @throws INVALID_URI; UNKNOWN_SCHEME naming those known; UNKNOWN_HOST with near matches; AMBIGUOUS_HOST
 * listing the candidates; HOST_GONE with how long ago its lease ended.
 */
export function route<A extends Served>(text: string, agents: readonly A[], nowMs: number): A {
  if (isUriPattern(text)) throw needsOneHost(text);
  const uri = parseConnectionUri(text);
  const ofScheme = agents.filter((agent) => agent.uris.some((served) => schemeOf(served) === uri.scheme));
  if (ofScheme.length === 0) throw unknownScheme(uri, agents);

  const candidates = ofScheme.filter((agent) => agent.uris.some((served) => covers(uri, served)));
  const [agent, ...others] = candidates;
  if (agent === undefined) throw unknownHost(uri, ofScheme);
  if (others.length > 0) throw ambiguous(uri, candidates, nowMs);
  if (agent.lostAtMs !== undefined) throw gone(agent, agent.lostAtMs, nowMs);
  return agent;
}

/** The URIs that a pattern covers, by agent. */
export function select<A extends Served>(
  pattern: string,
  agents: readonly A[],
): { readonly agent: A; readonly uri: string }[] {
  return agents.flatMap((agent) =>
    agent.uris.filter((uri) => matchesUriPattern(pattern, uri)).map((uri) => ({ agent, uri })),
  );
}

/** What a call for an agent without a lease gets. */
export function gone(agent: Served, lostAtMs: number, nowMs: number): VirtError {
  const ago = Math.max(0, nowMs - lostAtMs);
  return new VirtError(
    "HOST_GONE",
    `${agent.host} is out of reach: its ${agent.left ? "agent was stopped" : "lease ended"} ${describeAge(ago)} ago; its guests may well run on`,
    { metadata: { host: agent.host, lostForMs: String(Math.round(ago)) }, retryAfterMs: 5000 },
  );
}

export function describeAge(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

function covers(asked: ConnectionUri, served: string): boolean {
  const there = parseConnectionUri(served);
  return (
    there.scheme === asked.scheme &&
    trimmed(there.path) === trimmed(asked.path) &&
    (asked.host === "" || asked.host === there.host)
  );
}

function trimmed(path: string): string {
  return path.replace(/\/+$/, "");
}

function schemeOf(uri: string): string {
  return uri.slice(0, uri.indexOf(":"));
}

function needsOneHost(text: string): VirtError {
  const what = text === "" ? "the connection URI is empty" : `"${text}" names several hosts`;
  return new VirtError(
    "INVALID_URI",
    `${what}, and this call is for one; name it like qemu://host-a/system`,
    {
      violations: [{ field: "uri", description: "must name one host" }],
    },
  );
}

function unknownScheme(uri: ConnectionUri, agents: readonly Served[]): VirtError {
  const known = [...new Set(agents.flatMap((agent) => agent.uris.map(schemeOf)))].sort();
  const rest = known.length === 0 ? "no agent is known at all" : `known here: ${known.join(", ")}`;
  return new VirtError("UNKNOWN_SCHEME", `no agent serves "${uri.scheme}" connections; ${rest}`, {
    metadata: { scheme: uri.scheme, known: known.join(",") },
  });
}

function unknownHost(uri: ConnectionUri, ofScheme: readonly Served[]): VirtError {
  const served = ofScheme.flatMap((agent) => agent.uris).filter((known) => schemeOf(known) === uri.scheme);
  const asked = formatConnectionUri(uri);
  const onHost = served.filter((known) => parseConnectionUri(known).host === uri.host || uri.host === "");
  const hosts = served.map((known) => parseConnectionUri(known).host);
  const near = uri.host === "" ? [] : nearest(uri.host, hosts);
  const hint =
    onHost.length > 0
      ? `served there: ${list(onHost)}`
      : near.length > 0
        ? `did you mean ${near.join(" or ")}`
        : `hosts that serve ${uri.scheme}: ${list(hosts)}`;
  return new VirtError("UNKNOWN_HOST", `no agent serves ${asked}; ${hint}`, {
    metadata: { host: uri.host, near: near.join(",") },
    resource: { type: "host", name: uri.host === "" ? asked : uri.host },
  });
}

function ambiguous(uri: ConnectionUri, candidates: readonly Served[], nowMs: number): VirtError {
  const named = candidates.flatMap((agent) =>
    agent.uris
      .filter((served) => covers(uri, served))
      .map((served) =>
        agent.lostAtMs === undefined ? served : `${served} (lost ${describeAge(nowMs - agent.lostAtMs)} ago)`,
      ),
  );
  return new VirtError(
    "AMBIGUOUS_HOST",
    `${formatConnectionUri(uri)} is served by ${candidates.length} hosts; name one: ${list(named)}`,
    {
      metadata: { candidates: candidates.map((agent) => agent.host).join(",") },
    },
  );
}

/** Names for people: all of a few, the first ten of many. */
function list(names: readonly string[]): string {
  const sorted = [...new Set(names)].sort();
  const shown = sorted.slice(0, 10).join(", ");
  return sorted.length > 10 ? `${shown} and ${sorted.length - 10} more` : shown;
}
