import { createLogger } from "@virtmesh/kit/logger";
import { createMetrics, serveMetrics } from "@virtmesh/kit/metrics";
import { runMain } from "@virtmesh/kit/process";
import { startTelemetry } from "@virtmesh/kit/telemetry";
import { tlsFrom } from "@virtmesh/kit/tls";
import { connectMesh } from "@virtmesh/mesh/connection";
import { join } from "node:path";
import { config } from "./config.ts";
import { startGateway } from "./gateway.ts";

await runMain(async (scope) => {
  const c = config.parse(process.argv.slice(2), process.env);
  const logger = createLogger({ service: "gateway", host: c.host, level: c.logLevel });
  const metrics = createMetrics({ service: "gateway", host: c.host });
  const telemetry = scope.own(startTelemetry({ service: "virtmesh-gateway", host: c.host }));
  const { tlsDir } = c;
  const natsTls = tlsDir && {
    ca: join(tlsDir, "ca.pem"),
    cert: join(tlsDir, "cert.pem"),
    key: join(tlsDir, "key.pem"),
  };
  const mesh = scope.own(
    connectMesh({
      servers: c.nats.split(","),
      name: `gateway ${c.host}`,
      logger,
      ...(natsTls ? { tls: natsTls } : {}),
      ...(c.natsUser === undefined ? {} : { user: c.natsUser }),
      ...(c.natsPassword === undefined ? {} : { password: c.natsPassword }),
    }),
  );
  const gateway = scope.own(
    await startGateway({
      listen: c.listen,
      tls: tlsDir === undefined ? undefined : await tlsFrom(tlsDir),
      mesh,
      logger,
      metrics,
      telemetry,
      leaseTtlMs: c.leaseTtl,
      hostTimeoutMs: c.hostTimeout,
      parallel: c.parallel,
      signal: scope.signal,
    }),
  );
  if (c.metrics !== undefined)
    scope.own(await serveMetrics(metrics, c.metrics, scope.signal, () => mesh.connected));
  logger.info({ address: gateway.address, nats: c.nats, tls: tlsDir !== undefined }, "gateway serves");
});
