import type { handleServerStreamingCall, handleUnaryCall, ServiceDefinition } from "@grpc/grpc-js";
import { VirtError } from "@virtmesh/core/errors";
import { service } from "grpc-health-check";
import type { Call } from "@virtmesh/core/call";
import { serverStream, unary } from "./grpc-handlers.ts";
import { abortable } from "./grpc-streams.ts";

type ServingStatus = "SERVING" | "NOT_SERVING" | "SERVICE_UNKNOWN";
interface HealthRequest {
  readonly service: string;
}
interface HealthResponse {
  readonly status: ServingStatus;
}

/** grpc.health.v1 of one server: a status for each service and one, under "", for the server as a whole. */
export class Health {
  readonly #statuses = new Map<string, ServingStatus>();
  #changed = Promise.withResolvers<void>();

  set(name: string, isServing: boolean): void {
    this.#statuses.set(name, isServing ? "SERVING" : "NOT_SERVING");
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  /** Everything NOT_SERVING, as a server says while it closes. */
  stop(): void {
    for (const name of this.#statuses.keys()) this.set(name, false);
  }

  readonly definition: ServiceDefinition = service;

  readonly implementation: {
    readonly check: handleUnaryCall<HealthRequest, HealthResponse>;
    readonly watch: handleServerStreamingCall<HealthRequest, HealthResponse>;
  } = {
    check: unary((request: HealthRequest) => {
      const status = this.#statuses.get(request.service);
      if (status === undefined)
        throw new VirtError("NOT_FOUND", `this server has no service "${request.service}"`);
      return { status };
    }),
    watch: serverStream((request: HealthRequest, c) => this.#watch(request.service, c)),
  };

  async *#watch(name: string, c: Call): AsyncGenerator<HealthResponse> {
    let last: ServingStatus | undefined;
    for (;;) {
      const changed = this.#changed.promise;
      const status = this.#statuses.get(name) ?? "SERVICE_UNKNOWN";
      if (status !== last) yield { status };
      last = status;
      await abortable(changed, c.signal);
    }
  }
}
