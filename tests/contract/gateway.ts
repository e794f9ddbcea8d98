import { createLogger } from "@virtmesh/kit/logger";
import { createMetrics } from "@virtmesh/kit/metrics";
import { Scope } from "@virtmesh/kit/scope";
import { connectMesh } from "@virtmesh/mesh/connection";
import type { OpenGateway } from "@virtmesh/testkit/subjects";
import { startGateway } from "../../services/gateway/src/gateway.ts";

/** A gateway in this process that knows the host when it is there. */
export const openGateway: OpenGateway = async (nats, host) => {
  const scope = new Scope();
  const gateway = scope.own(
    await startGateway({
      listen: "127.0.0.1:0",
      mesh: scope.own(connectMesh({ servers: nats, name: "gateway" })),
      logger: createLogger({ service: "gateway", level: "silent" }),
      metrics: createMetrics({ service: "gateway", host: "hub" }),
      leaseTtlMs: 3_000,
      hostTimeoutMs: 20_000,
      parallel: 4,
      signal: scope.signal,
    }),
  );
  const { directory } = gateway;
  const known = Promise.withResolvers<void>();
  const look = (): void => {
    if (directory.list().some((agent) => agent.host === host)) known.resolve();
  };
  using _listening = directory.onChange(look);
  look();
  await known.promise;
  return { address: gateway.address, [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose]() };
};
