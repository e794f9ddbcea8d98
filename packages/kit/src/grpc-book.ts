import { performance } from "node:perf_hooks";
import {
  status as grpcStatus,
  type handleUnaryCall,
  type MethodDefinition,
  type sendUnaryData,
  type UntypedHandleCall,
} from "@grpc/grpc-js";
import { context } from "@opentelemetry/api";
import type { VirtError } from "@virtmesh/core/errors";
import type { Counter, Histogram } from "prom-client";
import { type AnyServerCall, headerOf, recordCall, whyCancelled } from "./grpc-call.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";
import { endSpan, rootContext, startSpan, type Telemetry, withSpanIn } from "./telemetry.ts";

interface CallResult {
  readonly code: number;
  readonly cause?: unknown;
}

interface OpenCall {
  readonly abort: AbortController;
  readonly isStream: boolean;
}

type AnyMethod = MethodDefinition<unknown, unknown>;
type AnyHandler = (call: AnyServerCall, callback?: sendUnaryData<unknown>) => void;
type Emitter = { once(event: "error" | "finish", listener: (e?: unknown) => void): unknown };

/**
 * The calls in progress of one server, and where their numbers, spans and log lines go. It sees every call alike,
 * be it handled by `unary` and its kin or by a raw handler of the gateway.
 */
export class CallBook {
  readonly #open = new Set<OpenCall>();
  readonly #handling = new Set<Promise<void>>();
  readonly #logger: Logger;
  readonly #telemetry: Telemetry | undefined;
  readonly #calls: Counter<"method" | "code">;
  readonly #seconds: Histogram<"method">;

  constructor(logger: Logger, metrics: Metrics, telemetry: Telemetry | undefined) {
    this.#logger = logger;
    this.#telemetry = telemetry;
    this.#calls = metrics.counter({
      name: "virtmesh_grpc_server_calls_total",
      help: "gRPC calls that ended, by method and status code",
      labels: ["method", "code"],
    });
    this.#seconds = metrics.histogram({
      name: "virtmesh_grpc_server_call_seconds",
      help: "Time from the arrival of a gRPC call to its status",
      labels: ["method"],
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 30, 120],
    });
  }

  /** A handler of grpc-js that keeps the book about each of its calls and runs in the call's trace. */
  keep(definition: AnyMethod, handler: UntypedHandleCall): UntypedHandleCall {
    const inner = handler as AnyHandler;
    if (definition.responseStream) {
      const kept = (call: AnyServerCall & Emitter): void => {
        const { enter, end } = this.#begin(call, true);
        call.once("error", (e) => end(resultOf(e)));
        call.once("finish", () => end({ code: grpcStatus.OK }));
        enter(() => inner(call));
      };
      return kept;
    }
    const kept: handleUnaryCall<unknown, unknown> = (call, callback) => {
      const { enter, end } = this.#begin(call, definition.requestStream);
      enter(() =>
        inner(call, (error, value, trailer, flags) => {
          end(error ? resultOf(error) : { code: grpcStatus.OK });
          callback(error, value, trailer, flags);
        }),
      );
    };
    return kept;
  }

  /** Ends the streams in progress, whose clients come back with a token; unary calls are left to finish. */
  stopStreams(reason: VirtError): void {
    for (const call of this.#open) if (call.isStream) call.abort.abort(reason);
  }

  stopAll(reason: VirtError): void {
    for (const call of this.#open) call.abort.abort(reason);
  }

  /** Resolves when no handler runs any more. */
  async settled(): Promise<void> {
    while (this.#handling.size > 0) await Promise.all(this.#handling);
  }

  #begin(
    call: AnyServerCall,
    isStream: boolean,
  ): { readonly enter: (run: () => void) => void; readonly end: (result: CallResult) => void } {
    const startedAt = performance.now();
    const method = call.getPath().slice(1);
    const parent = rootContext(headerOf(call.metadata, "traceparent"), this.#telemetry?.tracer);
    const span = startSpan(
      method,
      { kind: "server", attributes: { "rpc.system": "grpc", "rpc.method": method } },
      parent,
    );
    const ctx = withSpanIn(parent, span);
    const open: OpenCall = { abort: new AbortController(), isStream };
    let isOpen = true;

    const end = (result: CallResult): void => {
      if (!isOpen) return;
      isOpen = false;
      this.#open.delete(open);
      const code = grpcStatus[result.code] ?? String(result.code);
      this.#calls.inc({ method, code });
      this.#seconds.observe({ method }, (performance.now() - startedAt) / 1000);
      if (result.code === grpcStatus.INTERNAL && result.cause !== undefined) {
        context.with(ctx, () =>
          this.#logger.error({ err: result.cause, method }, "a call failed in this process"),
        );
      }
      span?.setAttribute("rpc.grpc.status_code", result.code);
      endSpan(span, result.code === grpcStatus.OK ? undefined : (result.cause ?? code));
    };

    this.#open.add(open);
    recordCall(call, { abort: open.abort, track: (handling) => this.#track(handling) });
    // grpc-js emits this after every call; it means a cancel only while the call is open.
    call.once("cancelled", () => {
      if (!isOpen) return;
      const why = whyCancelled(call);
      end({ code: why.reason === "DEADLINE" ? grpcStatus.DEADLINE_EXCEEDED : grpcStatus.CANCELLED });
      open.abort.abort(why);
    });
    return { enter: (run) => context.with(ctx, run), end };
  }

  #track(handling: Promise<void>): void {
    const tracked = handling.finally(() => this.#handling.delete(tracked));
    this.#handling.add(tracked);
  }
}

/** The status inside what a handler gave to grpc-js: a failure of ours, or any object with a code. */
function resultOf(error: unknown): CallResult {
  if (typeof error !== "object" || error === null) return { code: grpcStatus.UNKNOWN, cause: error };
  const code = "code" in error && typeof error.code === "number" ? error.code : grpcStatus.UNKNOWN;
  return "cause" in error ? { code, cause: error.cause } : { code };
}
