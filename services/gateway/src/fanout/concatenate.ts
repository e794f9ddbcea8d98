import type { MethodDefinition } from "@grpc/grpc-js";
import type { Call } from "@virtmesh/core/call";
import { VirtError } from "@virtmesh/core/errors";
import type { FanOut, Target } from "./fan-out.ts";

/** A list without an order over hosts: one host's items after the other's. */
export interface HostByHost<Q, R, T> {
  readonly pattern: string;
  readonly pageToken: string;
  readonly size: number;
  /** What a token holds for. */
  readonly query: string;
  readonly method: MethodDefinition<Q, R>;
  readonly request: (uri: string, size: number, token: string) => Q;
  readonly read: (answer: R) => { readonly items: readonly T[]; readonly nextToken: string };
}

/** Where such a list goes on: with this host, at its own token. */
interface Place {
  readonly uri: string;
  readonly token: string;
}

/** How many hosts are asked at once before it is looked whether the page is full. */
const WAVE = 64;

export async function concatenate<Q, R, T>(
  fanOut: FanOut,
  list: HostByHost<Q, R, T>,
  c: Call,
): Promise<{ items: T[]; nextPageToken: string; unreachable: string[] }> {
  const from = readPlace(list.pageToken, list.query);
  const targets = fanOut.targets(list.pattern).filter(({ uri }) => from === undefined || uri >= from.uri);
  const items: T[] = [];
  const unreachable: string[] = [];
  for (let at = 0; at < targets.length; at += WAVE) {
    const wave = targets.slice(at, at + WAVE);
    const tokenOf = (uri: string): string => (from?.uri === uri ? from.token : "");
    const asked = await fanOut.askAll(
      wave,
      list.method,
      (uri) => list.request(uri, list.size, tokenOf(uri)),
      c,
    );
    unreachable.push(...asked.unreachable);
    for (const { uri, answer } of asked.answers) {
      const room = list.size - items.length;
      if (room === 0)
        return { items, nextPageToken: writePlace({ uri, token: tokenOf(uri) }, list.query), unreachable };
      const page = list.read(answer);
      if (page.items.length <= room) {
        items.push(...page.items);
        if (page.nextToken === "") continue;
        return { items, nextPageToken: writePlace({ uri, token: page.nextToken }, list.query), unreachable };
      }
      // Only the host itself can say where its page of that many items ends.
      const place = { uri, token: tokenOf(uri) };
      const token = await partOf(fanOut, list, wave, place, room, items, c);
      const rest = token === "" ? nextOf(targets, uri) : { uri, token };
      return { items, nextPageToken: rest === undefined ? "" : writePlace(rest, list.query), unreachable };
    }
  }
  return { items, nextPageToken: "", unreachable };
}

/** Takes as many items of one host as there is room for; gives the host's token behind them, empty at its end. */
async function partOf<Q, R, T>(
  fanOut: FanOut,
  list: HostByHost<Q, R, T>,
  wave: readonly Target[],
  place: Place,
  room: number,
  items: T[],
  c: Call,
): Promise<string> {
  const target = wave.filter(({ uri }) => uri === place.uri);
  const { answers } = await fanOut.askAll(
    target,
    list.method,
    (uri) => list.request(uri, room, place.token),
    c,
  );
  const [found] = answers;
  if (found === undefined) return place.token;
  const page = list.read(found.answer);
  items.push(...page.items);
  return page.nextToken;
}

function nextOf(targets: readonly Target[], uri: string): Place | undefined {
  const next = targets[targets.findIndex((t) => t.uri === uri) + 1];
  return next === undefined ? undefined : { uri: next.uri, token: "" };
}

function writePlace(place: Place, query: string): string {
  return Buffer.from(JSON.stringify(["hosts", query, place.uri, place.token])).toString("base64url");
}

function readPlace(token: string, query: string): Place | undefined {
  if (token === "") return undefined;
  const parsed = parse(token);
  if (!Array.isArray(parsed) || parsed.length !== 4 || parsed[0] !== "hosts")
    throw bad("is not one that this list gave out");
  const [, from, uri, place] = parsed as unknown[];
  if (from !== query) throw bad("belongs to another pattern or filter; keep them the same from page to page");
  if (typeof uri !== "string" || typeof place !== "string") throw bad("is not one that this list gave out");
  return { uri, token: place };
}

function parse(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, "base64url").toString());
  } catch (cause) {
    throw bad("is not one that this list gave out", { cause });
  }
}

function bad(why: string, options?: ErrorOptions): VirtError {
  const violations = [{ field: "page_token", description: why }];
  return new VirtError("INVALID_PAGE_TOKEN", `the page token ${why}`, { violations }, options);
}
