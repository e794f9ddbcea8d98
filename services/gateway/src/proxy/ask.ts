import type { OutgoingHttpHeaders } from "node:http2";
import { type MethodDefinition, status } from "@grpc/grpc-js";
import type { VirtError } from "@virtmesh/core/errors";
import { fromServiceError } from "@virtmesh/kit/status";
import type { AgentLink, Outcome } from "./link.ts";

export interface AskOptions {
  readonly signal: AbortSignal;
  /** The agent may take so long, in milliseconds. */
  readonly timeoutMs: number;
  /** Trace and actor. */
  readonly headers: OutgoingHttpHeaders;
}

/** One unary call of the gateway's own to an agent. @throws what the agent threw; HOST_GONE; DEADLINE. */
export function ask<Q, R>(
  link: AgentLink,
  method: MethodDefinition<Q, R>,
  request: Q,
  options: AskOptions,
): Promise<R> {
  const { promise, resolve, reject } = Promise.withResolvers<R>();
  const { signal, timeoutMs } = options;
  let answer: Buffer | undefined;
  const headers = { ...options.headers, "grpc-timeout": `${Math.max(1, Math.round(timeoutMs))}m` };
  const exchange = link.call(method.path, headers, {
    message: (message) => {
      answer = message;
    },
    end(outcome, failure) {
      signal.removeEventListener("abort", onAbort);
      if (outcome?.code === status.OK && answer !== undefined) resolve(method.responseDeserialize(answer));
      else reject(failure ?? errorOf(outcome, link, method.path));
    },
  });
  const onAbort = (): void => exchange.cancel(fromServiceError(signal.reason));
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  exchange.send(method.requestSerialize(request));
  exchange.finish();
  return promise;
}

function errorOf(outcome: Outcome | undefined, link: AgentLink, method: string): VirtError {
  const { code = status.INTERNAL, details = "", metadata } = outcome ?? {};
  const error = Object.assign(new Error(details), { code, details, metadata });
  return fromServiceError(error, { peer: `the agent of ${link.target.host}`, method });
}
