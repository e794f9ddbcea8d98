import { context, trace } from "@opentelemetry/api";
import { VirtError } from "@virtmesh/core/errors";
import { type DestinationStream, destination, type Logger as PinoLogger, pino, stdTimeFunctions } from "pino";

export type Logger = PinoLogger;
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

/** Names of fields whose value never reaches a log, at the top of a record and up to two levels down. */
const SECRET_FIELDS = [
  "password",
  "passwd",
  "secret",
  "token",
  "authorization",
  "cookie",
  "privateKey",
  "private_key",
  "passphrase",
];

/**
 * One JSON object a line on stderr, as journald and collectors like it: constant messages, data in fields,
 * `trace_id` and `span_id` of the active span. Written synchronously, so that the last line before a crash is
 * not lost. `to` replaces stderr in tests.
 */
export function createLogger(about: {
  readonly service: string;
  readonly host?: string;
  readonly level?: LogLevel;
  readonly to?: DestinationStream;
}): Logger {
  return pino(
    {
      level: about.level ?? "info",
      base: { service: about.service, ...(about.host ? { host: about.host } : {}), pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        censor: "[redacted]",
      },
      serializers: { err: (e: unknown) => describeError(e), error: (e: unknown) => describeError(e) },
      mixin: activeTrace,
    },
    about.to ?? destination({ fd: 2, sync: true }),
  );
}

function activeTrace(): Record<string, string> {
  const span = trace.getSpanContext(context.active());
  return span === undefined ? {} : { trace_id: span.traceId, span_id: span.spanId };
}

interface ErrorRecord {
  readonly type: string;
  readonly message: string;
  readonly reason?: string;
  readonly context?: unknown;
  readonly stack?: string;
  readonly causes?: readonly { readonly type: string; readonly message: string }[];
}

/** An error with the whole chain of its causes, as one record. */
export function describeError(e: unknown): ErrorRecord {
  if (!(e instanceof Error) && !VirtError.is(e)) return { type: typeof e, message: String(e) };
  const causes = causeChain(e).map((cause) => ({ type: typeOf(cause), message: textOf(cause) }));
  return {
    type: e.name,
    message: e.message,
    ...(VirtError.is(e) ? { reason: e.reason, context: e.context } : {}),
    ...(e.stack === undefined ? {} : { stack: e.stack }),
    ...(causes.length > 0 ? { causes } : {}),
  };
}

/** What stands behind an error, nearest first; a chain that bites its tail ends there. */
export function causeChain(e: unknown): unknown[] {
  const chain: unknown[] = [];
  const seen = new Set<unknown>([e]);
  for (let cause = causeOf(e); cause !== undefined && !seen.has(cause); cause = causeOf(cause)) {
    seen.add(cause);
    chain.push(cause);
  }
  return chain;
}

function causeOf(e: unknown): unknown {
  return typeof e === "object" && e !== null && "cause" in e ? e.cause : undefined;
}

function typeOf(e: unknown): string {
  return e instanceof Error ? e.name : typeof e;
}

function textOf(e: unknown): string {
  return e instanceof Error ? (e.stack ?? e.message) : String(e);
}
