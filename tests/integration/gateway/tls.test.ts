import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DomainServiceService } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { EventServiceService } from "@virtmesh/api/gen/virtmesh/v1/event";
import { HostServiceService } from "@virtmesh/api/gen/virtmesh/v1/host";
import { connect, unaryCall } from "@virtmesh/kit/grpc-client";
import { startServer } from "@virtmesh/kit/grpc-server";
import { createLogger } from "@virtmesh/kit/logger";
import { createMetrics } from "@virtmesh/kit/metrics";
import { Scope } from "@virtmesh/kit/scope";
import { tlsFrom } from "@virtmesh/kit/tls";
import { Authority } from "@virtmesh/lab/authority";
import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";
import { ask } from "../../../services/gateway/src/proxy/ask.ts";
import { AgentLink } from "../../../services/gateway/src/proxy/link.ts";
import { guestXml } from "./fleet.ts";

describe("a gateway with mutual TLS", () => {
  let mesh: RunningMesh;
  beforeAll(async () => {
    mesh = await startMesh({ hosts: ["host-a"], agents: "test" });
  }, 90_000);
  afterAll(async () => {
    await mesh[Symbol.asyncDispose]();
  }, 30_000);

  it("reaches agents as a gateway, and tells them the name in its caller's certificate", async () => {
    const uri = "test://host-a/default";
    expect(await mesh.unary(HostServiceService.getHost, { uri })).toMatchObject({ name: "host-a" });
    const limit = AbortSignal.timeout(60_000);
    const request = { uri, domain: "", classes: [], resumeToken: "", sendSnapshot: false };
    const events = mesh.stream(EventServiceService.watch, request, limit);
    expect((await events.next()).value?.kind?.$case).toBe("synced");
    const xml = guestXml("audited");
    await mesh.unary(DomainServiceService.defineDomain, {
      uri,
      requestId: "req-1",
      xml,
      validateOnly: false,
      etag: "",
    });
    const { value } = await events.next();
    expect(value?.kind).toMatchObject({
      $case: "event",
      value: { domainName: "audited", actor: "lab", requestId: "req-1" },
    });
    await events.return();
  });

  it("lets nobody in without a certificate", async () => {
    await using stranger = connect(mesh.gateway.address);
    const asked = unaryCall(
      stranger,
      HostServiceService.getHost,
      { uri: "test:///default" },
      { signal: AbortSignal.timeout(10_000) },
    );
    await expect(asked).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  it("believes an agent only for the host that its certificate names", async () => {
    await using scope = new Scope();
    const dir = await mkdtemp(join(tmpdir(), "vm-tls-"));
    scope.defer(() => rm(dir, { recursive: true, force: true }));
    const authority = await Authority.make(dir);
    const impostor = await startServer({
      listen: "127.0.0.1:0",
      tls: await tlsFrom(await authority.host("host-b", "agent", ["127.0.0.1"])),
      services: [],
      logger: createLogger({ service: "host-b", level: "silent" }),
      metrics: createMetrics({ service: "host-b", host: "host-b" }),
      signal: scope.signal,
    });
    scope.own(impostor);
    const gatewayTls = await tlsFrom(await authority.host("hub", "gateway", ["127.0.0.1"]));
    const { address } = impostor;
    const link = scope.own(
      new AgentLink({ host: "host-a", address }, { tls: gatewayTls, maxMessageBytes: 1 << 20 }),
    );
    const options = { signal: scope.signal, timeoutMs: 5_000, headers: {} };
    await expect(ask(link, HostServiceService.getHost, { uri: "" }, options)).rejects.toMatchObject({
      reason: "HOST_GONE",
      message: expect.stringContaining(
        "its certificate is that of host/host-b/agent, not of the agent of host-a",
      ),
    });
  });
});
