import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  INVALID_SPAN_CONTEXT,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { installContextManager, type SpanExport, startExport } from "./telemetry-export.ts";

export interface Telemetry extends AsyncDisposable {
  /** False when no endpoint is configured: trace ids still travel through, spans cost nearly nothing. */
  readonly enabled: boolean;
  readonly tracer: Tracer | undefined;
  /** Sends what is buffered. */
  flush(): Promise<void>;
}

/** The kind of a span, by OpenTelemetry's names. */
export type Kind = "internal" | "server" | "client" | "producer" | "consumer";

export interface SpanOptions {
  readonly kind?: Kind;
  readonly attributes?: Attributes;
  /** W3C traceparent of the parent, when it comes from outside: a header of a message or of a call. */
  readonly parentTrace?: string | undefined;
}

const KINDS = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const satisfies Record<Kind, SpanKind>;

/** Whose tracer the spans below belong to: several services may share a process in a test. */
const TRACER = createContextKey("virtmesh tracer");
const NO_SPAN = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);

let processTracer: Tracer | undefined;

/**
 * Sets up tracing from OpenTelemetry's standard variables: OTEL_EXPORTER_OTLP_ENDPOINT or
 * OTEL_EXPORTER_OTLP_TRACES_ENDPOINT (OTLP over HTTP, protobuf), OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER=none,
 * OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER and its _ARG. Without an endpoint nothing is
 * recorded. Disposal sends the rest and ends tracing. Throws INVALID_FIELD naming a variable that is not valid.
 */
export function startTelemetry(about: {
  readonly service: string;
  readonly host?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Told what the exporter complains about, such as a collector that is away. */
  readonly onWarning?: (message: string) => void;
}): Telemetry {
  installContextManager();
  const exporting: SpanExport | undefined = startExport(about);
  const tracer = exporting?.tracer;
  if (processTracer === undefined) processTracer = tracer;
  return {
    enabled: tracer !== undefined,
    tracer,
    flush: async () => exporting?.flush(),
    [Symbol.asyncDispose]: async () => {
      if (processTracer === tracer) processTracer = undefined;
      await exporting?.shutdown();
    },
  };
}

/**
 * Runs `fn` inside a new span, which ends with it; a failure marks the span and passes on. Without a tracer
 * `fn` only gets the parent's trace to hand on.
 */
export async function withSpan<T>(
  name: string,
  options: SpanOptions,
  fn: (span: Span) => Promise<T> | T,
): Promise<T> {
  const parent = contextFrom(options.parentTrace);
  const span = startSpan(name, options, parent);
  if (span === undefined) {
    return parent === context.active() ? fn(NO_SPAN) : context.with(parent, () => fn(NO_SPAN));
  }
  try {
    const result = await context.with(trace.setSpan(parent, span), () => fn(span));
    endSpan(span);
    return result;
  } catch (e) {
    endSpan(span, e);
    throw e;
  }
}

/** A span that the caller ends itself; undefined without a tracer. For what is not one function call, as streams. */
export function startSpan(name: string, options: SpanOptions, parent: Context): Span | undefined {
  const tracer = (parent.getValue(TRACER) as Tracer | undefined) ?? processTracer;
  return tracer?.startSpan(
    name,
    {
      kind: KINDS[options.kind ?? "internal"],
      ...(options.attributes ? { attributes: options.attributes } : {}),
    },
    parent,
  );
}

/** Ends a span, as failed when an error is given: with the reason of a VirtError as `error.type`. */
export function endSpan(span: Span | undefined, e?: unknown): void {
  if (span === undefined) return;
  if (e !== undefined) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(e) });
    span.setAttribute("error.type", VirtError.is(e) ? e.reason : e instanceof Error ? e.name : messageOf(e));
  }
  span.end();
}

/** The context with a span as the active one. */
export function withSpanIn(ctx: Context, span: Span | undefined): Context {
  return span === undefined ? ctx : trace.setSpan(ctx, span);
}

/** The active context, with a remote parent where one is given. */
function contextFrom(parentTrace: string | undefined): Context {
  const remote = parentTrace ? parseTraceparent(parentTrace) : undefined;
  return remote === undefined ? context.active() : trace.setSpanContext(context.active(), remote);
}

/** The context of an outgoing call: the active span, else the trace that its caller names. */
export function clientContext(callTrace: string | undefined): Context {
  return trace.getSpanContext(context.active()) === undefined ? contextFrom(callTrace) : context.active();
}

/** Where a call from outside begins: its remote parent, if any, and whose spans follow. */
export function rootContext(parentTrace: string, tracer: Tracer | undefined): Context {
  const remote = parentTrace === "" ? undefined : parseTraceparent(parentTrace);
  const ctx = tracer === undefined ? ROOT_CONTEXT : ROOT_CONTEXT.setValue(TRACER, tracer);
  return remote === undefined ? ctx : trace.setSpanContext(ctx, remote);
}

/** Whether spans started here are recorded by anyone. */
export function isTracing(): boolean {
  return processTracer !== undefined || context.active().getValue(TRACER) !== undefined;
}

/** W3C traceparent of the active span, for headers; empty without one. */
export function traceparent(): string {
  const span = trace.getSpanContext(context.active());
  return span === undefined || !trace.isSpanContextValid(span) ? "" : formatTraceparent(span);
}

/** Notes a moment on the active span. */
export function spanEvent(name: string, attributes?: Attributes): void {
  trace.getActiveSpan()?.addEvent(name, attributes);
}

export function formatTraceparent(span: SpanContext): string {
  return `00-${span.traceId}-${span.spanId}-${(span.traceFlags & 0xff).toString(16).padStart(2, "0")}`;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Reads a W3C traceparent; undefined when it is not a valid one, which is to be treated as none. */
export function parseTraceparent(text: string): SpanContext | undefined {
  const match = TRACEPARENT.exec(text);
  if (match === null) return undefined;
  const [, version, traceId = "", spanId = "", flags = "00", more] = match;
  // Version ff is forbidden, and version 00 has exactly four fields.
  if (version === "ff" || (version === "00" && more !== undefined)) return undefined;
  const span = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return trace.isSpanContextValid(span) ? span : undefined;
}
