import type { OutgoingHttpHeaders } from "node:http2";
import type { MethodDefinition } from "@grpc/grpc-js";
import type { Call } from "@virtmesh/core/call";
import { VirtError } from "@virtmesh/core/errors";
import { ACTOR_HEADER } from "@virtmesh/kit/grpc-call";
import { traceparent } from "@virtmesh/kit/telemetry";
import type { Directory, KnownAgent } from "../directory.ts";
import { ask } from "../proxy/ask.ts";
import type { Links } from "../proxy/links.ts";

/** One URI of one agent that a pattern covers. */
export interface Target {
  readonly agent: KnownAgent;
  readonly uri: string;
}

export interface Answers<R> {
  /** In the order of the targets. */
  readonly answers: readonly { readonly uri: string; readonly answer: R }[];
  /** URIs of hosts that did not answer, those without a lease included. */
  readonly unreachable: readonly string[];
}

export interface FanOutOptions {
  /** How long one host may take, in milliseconds. */
  readonly hostTimeoutMs: number;
  /** How many hosts are asked at a time. */
  readonly parallel: number;
}

/** Asks many agents the same thing. A host that is away or slow costs its own answer and nobody else's. */
export class FanOut {
  readonly #directory: Directory;
  readonly #links: Links;
  readonly #options: FanOutOptions;

  constructor(directory: Directory, links: Links, options: FanOutOptions) {
    this.#directory = directory;
    this.#links = links;
    this.#options = options;
  }

  /** What a pattern covers, by URI. */
  targets(pattern: string): Target[] {
    return this.#directory.select(pattern).sort((a, b) => (a.uri < b.uri ? -1 : 1));
  }

  /**
   * The answers of all targets. An error that is not about reaching the host (a filter that cannot be understood,
   * a permission) is thrown: it would be the same everywhere. A driver without the facet has nothing to list.
   */
  async askAll<Q, R>(
    targets: readonly Target[],
    method: MethodDefinition<Q, R>,
    request: (uri: string) => Q,
    c: Call,
  ): Promise<Answers<R>> {
    const outcomes = Array.from<{ readonly answer?: R; readonly lost?: true } | undefined>({
      length: targets.length,
    });
    const stop = new AbortController();
    const signal = AbortSignal.any([c.signal, stop.signal]);
    const headers = headersOf(c);
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let i = next++; i < targets.length; i = next++) {
        const target = targets[i];
        if (target !== undefined)
          outcomes[i] = await this.#askOne(target, method, request(target.uri), { c, signal, headers });
      }
    };
    try {
      await Promise.all(Array.from({ length: Math.min(this.#options.parallel, targets.length) }, worker));
    } finally {
      stop.abort();
    }
    return {
      answers: targets.flatMap(({ uri }, i) => {
        const answer = outcomes[i]?.answer;
        return answer === undefined ? [] : [{ uri, answer }];
      }),
      unreachable: targets.filter((_, i) => outcomes[i]?.lost).map(({ uri }) => uri),
    };
  }

  async #askOne<Q, R>(
    { agent }: Target,
    method: MethodDefinition<Q, R>,
    request: Q,
    {
      c,
      signal,
      headers,
    }: { readonly c: Call; readonly signal: AbortSignal; readonly headers: OutgoingHttpHeaders },
  ): Promise<{ readonly answer?: R; readonly lost?: true }> {
    if (agent.lostAtMs !== undefined) return { lost: true };
    const timeoutMs = timeoutFor(c, this.#options.hostTimeoutMs);
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const options = { signal: AbortSignal.any([signal, timeout]), timeoutMs, headers };
      return { answer: await ask(this.#links.to(agent), method, request, options) };
    } catch (e) {
      if (c.signal.aborted) throw c.signal.reason;
      if (timeout.aborted) return { lost: true };
      const error = VirtError.from(e);
      if (error.code === "UNAVAILABLE" || error.code === "DEADLINE_EXCEEDED") return { lost: true };
      if (error.code === "UNIMPLEMENTED") return {};
      throw error;
    }
  }
}

export function headersOf(c: Call): OutgoingHttpHeaders {
  const trace = traceparent() || c.trace;
  return {
    ...(trace === "" ? {} : { traceparent: trace }),
    ...(c.actor === "" ? {} : { [ACTOR_HEADER]: c.actor }),
  };
}

/** A part of what the caller has left, so that one silent host does not cost the whole answer. */
function timeoutFor(c: Call, hostTimeoutMs: number): number {
  const left = c.deadline === undefined ? hostTimeoutMs : (c.deadline - Date.now()) * 0.8;
  return Math.max(1, Math.min(hostTimeoutMs, Math.floor(left)));
}
