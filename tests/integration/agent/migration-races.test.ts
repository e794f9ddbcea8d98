import { setTimeout as delay } from "node:timers/promises";
import { migrationModule } from "@virtmesh/agent/migration/module";
import {
  MigrateDomainRequest,
  MigrationMode,
  MigrationServiceService,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { ownCall } from "@virtmesh/core/call";
import { need } from "@virtmesh/core/driver/driver";
import { domainUuid } from "@virtmesh/core/ids";
import { unaryCall } from "@virtmesh/kit/grpc-client";
import { SILENCE_MS } from "@virtmesh/agent/migration/peer-link";
import { Scope } from "@virtmesh/kit/scope";
import { startNats } from "@virtmesh/lab/nats";
import { connectMesh } from "@virtmesh/mesh/connection";
import { watchAgents } from "@virtmesh/mesh/registry";
import { guestXml, tempDir, type TestAgent, testAgent } from "./support.ts";

jest.setTimeout(60_000);

const UUID = domainUuid("0a0a0a0a-0000-4000-8000-000000000007");

/** host-a with a defined guest "web", and host-b, both in this process. */
async function twoHosts(): Promise<Scope & { readonly a: TestAgent; readonly b: TestAgent }> {
  const scope = new Scope();
  const nats = scope.own(await startNats());
  const dir = scope.own(await tempDir());
  const more = { nats: { servers: [nats.url] }, modules: [migrationModule] };
  const mesh = scope.own(connectMesh({ servers: nats.url, name: "test" }));
  const agents = scope.own(watchAgents(mesh));
  const both = Promise.withResolvers<void>();
  agents.onChange(() => (agents.list().length === 2 ? both.resolve() : undefined));
  const a = scope.own(await testAgent("host-a", dir.path, more));
  const b = scope.own(await testAgent("host-b", dir.path, more));
  await both.promise;
  await a.client.define(guestXml("web", UUID));
  return Object.assign(scope, { a, b });
}

/** Asks for a migration while another change has its turn, and lets that end when the migration waits for it. */
async function migrateBehind(
  { a, b }: { readonly a: TestAgent; readonly b: TestAgent },
  mode: MigrationMode,
  change: () => Promise<unknown>,
) {
  const { queue } = a.agent.context;
  const hold = await queue.acquire({ uuid: UUID }, { verb: "change" }, ownCall());
  const request = MigrateDomainRequest.fromPartial({
    ...{ uri: a.uri, domain: "web", destinationUri: b.uri, requestId: "r", plaintext: true, mode },
  });
  const signal = AbortSignal.timeout(15_000);
  const asked = unaryCall(a.channel, MigrationServiceService.migrateDomain, request, { signal });
  while (queue.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
  await change();
  hold[Symbol.dispose]();
  return asked;
}

describe("a migration that waits for another change of its guest", () => {
  it("does not move the definition alone of a guest that runs by then", async () => {
    await using hosts = await twoHosts();
    const { a, b } = hosts;
    const asked = migrateBehind(hosts, MigrationMode.MIGRATION_MODE_OFFLINE, () =>
      a.driver.domains.start(UUID, { paused: false }, ownCall()),
    );
    await expect(asked).rejects.toMatchObject({ reason: "DOMAIN_RUNNING" });
    expect(b.driver.domains.find(UUID)).toBeUndefined();
    expect(a.agent.context.tokens.generationOf(UUID)).toBe(1n);
  });

  it("does not let a guest run there that somebody has paused by then", async () => {
    await using hosts = await twoHosts();
    const { a, b } = hosts;
    await a.client.start("web");
    const { name } = await migrateBehind(hosts, MigrationMode.MIGRATION_MODE_LIVE, () =>
      need(a.driver, "domains", "suspend")(UUID, ownCall()),
    );
    expect((await a.client.wait(name)).result?.$case).toBe("response");
    expect(b.driver.domains.find(UUID)?.state).toBe("paused");
  });
});

describe("a destination that has to wait for a guest before it can take it", () => {
  it("is waited for by the source, however long that is", async () => {
    await using hosts = await twoHosts();
    const { a, b } = hosts;
    await a.client.start("web");
    const there = b.agent.context.queue;
    const hold = await there.acquire({ uuid: UUID }, { verb: "change" }, ownCall());
    const { name } = await a.client.migrate("web", b.uri, "first");
    // Longer than either side takes silence for the other's end.
    await delay(SILENCE_MS * 1.5);
    hold[Symbol.dispose]();
    expect((await a.client.wait(name)).result?.$case).toBe("response");
    expect(b.driver.domains.find(UUID)?.state).toBe("running");
  });

  it("keeps nothing of it when the source has given up by then", async () => {
    await using hosts = await twoHosts();
    const { a, b } = hosts;
    await a.client.start("web");
    const there = b.agent.context.queue;
    const hold = await there.acquire({ uuid: UUID }, { verb: "change" }, ownCall());
    const { name } = await a.client.migrate("web", b.uri, "first");
    await delay(SILENCE_MS * 1.2);
    await unaryCall(
      a.channel,
      OperationServiceService.cancelOperation,
      { uri: a.uri, name },
      { signal: AbortSignal.timeout(15_000) },
    );
    hold[Symbol.dispose]();
    expect((await a.client.wait(name)).result?.$case).toBe("error");
    await there.whenFree(UUID);
    expect(there.holderOf(UUID)).toBeUndefined();
    expect(a.driver.domains.find(UUID)?.state).toBe("running");
  });
});
