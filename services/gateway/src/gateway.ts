import { ACTOR_HEADER, headerOf, REQUEST_ID_HEADER } from "@virtmesh/kit/grpc-call";
import { callerOf, type GrpcServer, startServer } from "@virtmesh/kit/grpc-server";
import { MAX_MESSAGE_BYTES } from "@virtmesh/kit/grpc-streams";
import type { Logger } from "@virtmesh/kit/logger";
import type { Metrics } from "@virtmesh/kit/metrics";
import { Scope } from "@virtmesh/kit/scope";
import { toServiceError } from "@virtmesh/kit/status";
import { type Telemetry, traceparent } from "@virtmesh/kit/telemetry";
import type { TlsFiles } from "@virtmesh/kit/tls";
import type { Mesh } from "@virtmesh/mesh/connection";
import { watchAgents } from "@virtmesh/mesh/registry";
import { Directory } from "./directory.ts";
import { FanOut } from "./fanout/fan-out.ts";
import { gatewayMetrics } from "./metrics.ts";
import type { Forwarding, IncomingCall } from "./proxy/forward.ts";
import { Links } from "./proxy/links.ts";
import { gatewayServices } from "./services.ts";

export interface GatewayOptions {
  readonly listen: string;
  readonly tls?: TlsFiles | undefined;
  readonly mesh: Mesh;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly telemetry?: Telemetry;
  /** Time to live of the agents' leases, in milliseconds. */
  readonly leaseTtlMs: number;
  /** How long one host may take in a list over many, in milliseconds. */
  readonly hostTimeoutMs: number;
  /** Hosts asked at a time by such a list. */
  readonly parallel: number;
  readonly signal: AbortSignal;
}

export interface Gateway extends AsyncDisposable {
  /** Where it serves gRPC. */
  readonly address: string;
  readonly directory: Directory;
}

/** Puts the gateway together and serves. Its health says NOT_SERVING while NATS is away: it then knows only what it knew. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const scope = new Scope(options.signal);
  try {
    const agents = scope.own(watchAgents(options.mesh, { ttlMs: options.leaseTtlMs }));
    const directory = scope.own(new Directory(agents));
    const links = scope.own(new Links(directory, { tls: options.tls, maxMessageBytes: MAX_MESSAGE_BYTES }));
    const counted = scope.own(gatewayMetrics(options.metrics, directory));
    const fanOut = new FanOut(directory, links, options);
    const forwarding: Forwarding = {
      linkFor: (uri) => links.to(directory.find(uri)),
      headersFor,
      toStatus: toServiceError,
      observe: (path, code, seconds) => counted.observe(path, code, seconds),
    };
    const server = scope.own(
      await startServer({
        ...options,
        services: gatewayServices(forwarding, { mesh: options.mesh, directory, fanOut }),
      }),
    );
    followNats(scope, options.mesh, server);
    return { address: server.address, directory, [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose]() };
  } catch (e) {
    await scope[Symbol.asyncDispose]();
    throw e;
  }
}

function followNats(scope: Scope, mesh: Mesh, server: GrpcServer): void {
  const tell = (up: boolean): void => server.setServing("", up);
  tell(mesh.connected);
  scope.own(mesh.onStatus(tell));
}

/** What an agent is told of the caller: its trace, and the name in its certificate. */
function headersFor(call: IncomingCall): Record<string, string> {
  const headers: Record<string, string> = {};
  const trace = traceparent() || headerOf(call.metadata, "traceparent");
  if (trace !== "") headers["traceparent"] = trace;
  const requestId = headerOf(call.metadata, REQUEST_ID_HEADER);
  if (requestId !== "") headers[REQUEST_ID_HEADER] = requestId;
  // Without TLS nobody is known, and what the caller says is handed on as what it is: a claim.
  const caller = callerOf(call);
  const actor = caller === undefined ? headerOf(call.metadata, ACTOR_HEADER) : caller.name;
  if (actor !== "") headers[ACTOR_HEADER] = actor;
  return headers;
}
