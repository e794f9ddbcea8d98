import {
  logVerbosity,
  Server,
  type ServiceDefinition,
  setLogVerbosity,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { CallBook } from "./grpc-book.ts";
import { Health } from "./grpc-health.ts";
import { reflectionOf } from "./grpc-reflection.ts";
import { MAX_MESSAGE_BYTES } from "./grpc-streams.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";
import type { Telemetry } from "./telemetry.ts";
import { serverCredentials, type TlsFiles } from "./tls.ts";

// What a service is written with: the wrappers, and the pieces for raw handlers.
export { callerOf, callOf, finishWith } from "./grpc-call.ts";
export { bidi, clientStream, serverStream, unary } from "./grpc-handlers.ts";

/** A service of the contract, with handlers made by `unary`, `serverStream` and their kin, or raw ones of grpc-js. */
export interface ServiceEntry {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

export interface ServerOptions {
  /** `host:port` with port 0 for any, or `unix:/path`. */
  readonly listen: string;
  /** With it, clients have to show a certificate of the same authority; without it nothing is encrypted. */
  readonly tls?: TlsFiles | undefined;
  readonly services: readonly ServiceEntry[];
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly telemetry?: Telemetry | undefined;
  /** What `grpc.health.v1` says of a service at first; by default that it serves. */
  readonly healthOf?: (service: string) => boolean;
  /** Begins the graceful end; disposal waits for it. */
  readonly signal: AbortSignal;
  /** How long calls in progress may take after that, in milliseconds; then they are broken off. */
  readonly graceMs?: number;
}

export interface GrpcServer extends AsyncDisposable {
  /** Where it listens, with the real port. */
  readonly address: string;
  /** Sets what `grpc.health.v1` says of a service by its full name, or of the whole server by "". */
  setServing(service: string, isServing: boolean): void;
}

/**
 * Starts a gRPC server with health and reflection, and with a span, two metrics and, for INTERNAL errors, one log
 * line a call. Throws HOST_SETUP when it cannot listen.
 *
 * The end: health says NOT_SERVING, streams end with SHUTTING_DOWN, unary calls have `graceMs` to finish.
 */
export async function startServer(options: ServerOptions): Promise<GrpcServer> {
  const { listen, services, signal } = options;
  const server = new Server({
    "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
    "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
  });
  // Its own lines on stderr are not JSON, and everything they say comes to us as an error too.
  if (!process.env["GRPC_VERBOSITY"]) setLogVerbosity(logVerbosity.NONE);
  const book = new CallBook(options.logger, options.metrics, options.telemetry);
  const health = new Health();
  health.set("", true);

  const add = (definition: ServiceDefinition, implementation: UntypedServiceImplementation): void => {
    const kept: UntypedServiceImplementation = {};
    for (const [name, method] of Object.entries(definition)) {
      const handler =
        implementation[name] ?? (method.originalName ? implementation[method.originalName] : undefined);
      // grpc-js answers UNIMPLEMENTED for a method without a handler.
      if (handler !== undefined) kept[name] = book.keep(method, handler.bind(implementation));
    }
    server.addService(definition, kept);
  };
  const names = services.map(({ definition }) => serviceName(definition));
  services.forEach(({ definition, implementation }, i) => {
    add(definition, implementation);
    const name = names[i] ?? "";
    health.set(name, options.healthOf?.(name) ?? true);
  });
  add(health.definition, { ...health.implementation });
  for (const entry of reflectionOf([...names, serviceName(health.definition)])) {
    add(entry.definition, entry.implementation);
  }

  const port = await bind(server, listen, options.tls);
  let ending: Promise<void> | undefined;
  const close = (): Promise<void> => {
    signal.removeEventListener("abort", onAbort);
    ending ??= shutDown(server, book, health, options.graceMs ?? 5000);
    return ending;
  };
  const onAbort = (): void => void close();
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();

  return {
    address: listen.startsWith("unix:") ? listen : listen.replace(/:\d+$/, `:${port}`),
    setServing: (service, isServing) => health.set(service, isServing),
    [Symbol.asyncDispose]: close,
  };
}

/** `virtmesh.v1.HostService` of a service definition. */
export function serviceName(definition: ServiceDefinition): string {
  const path = Object.values(definition)[0]?.path ?? "";
  return path.slice(1, path.lastIndexOf("/"));
}

function bind(server: Server, listen: string, tls: TlsFiles | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(listen, serverCredentials(tls), (cause, port) => {
      if (cause === null) resolve(port);
      else
        reject(new VirtError("HOST_SETUP", `cannot listen on ${listen}: ${messageOf(cause)}`, {}, { cause }));
    });
  });
}

/** How long a handler may take to answer once its signal is aborted. */
const ABORT_MS = 1000;

async function shutDown(server: Server, book: CallBook, health: Health, graceMs: number): Promise<void> {
  const reason = new VirtError("SHUTTING_DOWN", "the server is shutting down, try again", {
    retryAfterMs: 1000,
  });
  health.stop();
  const closed = new Promise<void>((resolve) => {
    // An error here only says that the server is closed already.
    server.tryShutdown(() => resolve());
  });
  book.stopStreams(reason);
  if (!(await within(closed, graceMs))) {
    book.stopAll(reason);
    if (!(await within(closed, ABORT_MS))) server.forceShutdown();
  }
  await within(book.settled(), ABORT_MS);
}

/** Waits so long and says whether it was enough. What ignores its signal must not keep the process from ending. */
async function within(promise: Promise<void>, ms: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), ms);
  try {
    return await Promise.race([promise.then(() => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
