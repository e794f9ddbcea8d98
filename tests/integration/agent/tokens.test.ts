import { RunToken } from "@virtmesh/api/gen/virtmesh/v1/migration_peer";
import { migrationModule } from "@virtmesh/agent/migration/module";
import { domainUuid, generation, hostName } from "@virtmesh/core/ids";
import { createLogger, type Logger } from "@virtmesh/kit/logger";
import { startNats } from "@virtmesh/lab/nats";
import { watchBucket } from "@virtmesh/mesh/bucket-watch";
import { connectMesh, type Mesh } from "@virtmesh/mesh/connection";
import { type InventoryChange, watchInventory } from "@virtmesh/mesh/inventory";
import { watchAgents } from "@virtmesh/mesh/registry";
import { RunTokens } from "@virtmesh/mesh/run-tokens";
import { createTestDriver } from "@virtmesh/test-driver/test-driver";
import { failure, guestXml, tempDir, testAgent } from "./support.ts";

jest.setTimeout(120_000);

const UUID = domainUuid("0a0a0a0a-0000-4000-8000-000000000001");

function status(mesh: Mesh | undefined, wanted: boolean): Promise<void> {
  return new Promise((resolve) => {
    if (!mesh || mesh.connected === wanted) return resolve();
    const listening = mesh.onStatus((up) => {
      if (up !== wanted) return;
      listening[Symbol.dispose]();
      resolve();
    });
  });
}

/** Resolves when the bucket says that a guest's token is that host's; "": nobody's. */
async function untilOwner(mesh: Mesh, uuid: string, host: string): Promise<void> {
  const reached = Promise.withResolvers<void>();
  await using _watch = watchBucket(mesh, "owners", uuid, {
    onEntry: ({ value }) => (value && RunToken.decode(value).host === host ? reached.resolve() : undefined),
    onSynced: () => undefined,
  });
  await reached.promise;
}

/** A log, and a promise of the first line that has these words in it. */
function loggerThatWaitsFor(words: string): { readonly logger: Logger; readonly line: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const write = (line: string): void => (line.includes(words) ? resolve() : undefined);
  return { logger: createLogger({ service: "test", to: { write } }), line: promise };
}

describe("an agent in a mesh", () => {
  it("takes the run token with the definition and gives it back with the guest", async () => {
    await using nats = await startNats();
    await using dir = await tempDir();
    await using mesh = connectMesh({ servers: nats.url, name: "test" });
    const owners = new RunTokens(mesh);
    await using a = await testAgent("host-a", dir.path, { nats: { servers: [nats.url] } });
    await a.client.define(guestXml("web", UUID));
    expect(await owners.read(UUID)).toMatchObject({ host: "host-a", hypervisor: "test", generation: 1n });
    await a.client.undefine("web");
    // The token goes back in the background.
    await untilOwner(mesh, UUID, "");
    expect(await owners.read(UUID)).toBeUndefined();
  });

  it("does not define a guest that belongs to another host, and names that host", async () => {
    await using nats = await startNats();
    await using dir = await tempDir();
    await using a = await testAgent("host-a", dir.path, { nats: { servers: [nats.url] } });
    await using b = await testAgent("host-b", dir.path, { nats: { servers: [nats.url] } });
    await a.client.define(guestXml("web", UUID));
    const e = await failure(b.client.define(guestXml("web", UUID)));
    expect(e.reason).toBe("RUN_TOKEN_ELSEWHERE");
    expect(e.message).toContain("host-a");
  });

  it("does not believe an old word of the bucket about a guest that it has handed away", async () => {
    await using nats = await startNats();
    await using dir = await tempDir();
    await using a = await testAgent("host-a", dir.path, { nats: { servers: [nats.url] } });
    await a.client.define(guestXml("web", UUID));
    // As after a migration whose new owner has not come to write the bucket yet.
    await a.agent.context.tokens.surrender(UUID, { host: "host-b", generation: generation(2n) });
    expect((await failure(a.client.start("web"))).reason).toBe("RUN_TOKEN_ELSEWHERE");
    await a.client.undefine("web");
    const again = await failure(a.client.define(guestXml("web", UUID)));
    expect(again.context.metadata).toMatchObject({ owner_host: "host-b", generation: "2" });
  });

  it("starts its own guests while NATS is away, but takes no guest that it has never seen", async () => {
    await using nats = await startNats();
    await using dir = await tempDir();
    await using a = await testAgent("host-a", dir.path, { nats: { servers: [nats.url] } });
    await a.client.define(guestXml("web", UUID));
    await nats.kill("SIGKILL");
    await status(a.agent.context.mesh, false);
    await a.client.start("web");
    const other = domainUuid("0a0a0a0a-0000-4000-8000-000000000002");
    expect((await failure(a.client.define(guestXml("db", other)))).reason).toBe("RUN_TOKEN_UNREACHABLE");
    expect((await failure(a.client.get("db"))).reason).toBe("DOMAIN_NOT_FOUND");
  });

  it("defines a guest whose UUID it made up while NATS is away, and tells NATS later", async () => {
    await using nats = await startNats();
    await using dir = await tempDir();
    await using a = await testAgent("host-a", dir.path, { nats: { servers: [nats.url] } });
    await status(a.agent.context.mesh, true);
    await nats.kill("SIGKILL");
    await status(a.agent.context.mesh, false);
    const { uuid } = await a.client.define(guestXml("web"));
    await nats.restart();
    await using mesh = connectMesh({ servers: nats.url, name: "test" });
    await untilOwner(mesh, uuid, "host-a");
    expect(await new RunTokens(mesh).read(domainUuid(uuid))).toMatchObject({
      host: "host-a",
      generation: 1n,
    });
  });

  it("reports a guest that runs here although it belongs elsewhere, and does not touch it", async () => {
    await using nats = await startNats();
    await using dir = await tempDir();
    await using mesh = connectMesh({ servers: nats.url, name: "test" });
    await new RunTokens(mesh).claim(UUID, hostName("host-b"), "test");
    const driver = createTestDriver({ guests: [guestXml("web", UUID)] });
    const { logger, line: reported } = loggerThatWaitsFor("belongs to another host");
    await using a = await testAgent("host-a", dir.path, {
      driver,
      logger,
      nats: { servers: [nats.url] },
      metricsListen: "127.0.0.1:0",
    });
    await status(a.agent.context.mesh, true);
    await reported;
    expect(a.agent.context.tokens.conflicts).toEqual([{ uuid: UUID, owner: "host-b", ownerGeneration: 1n }]);
    expect((await a.client.get("web")).startTime).toBeInstanceOf(Date);
    const text = await (await fetch(`http://${a.agent.metricsAddress}/metrics`)).text();
    expect(text).toMatch(/^virtmesh_domain_owner_conflicts\{.*\} 1$/m);
  });

  it("writes a token that a migration gave it, and one of a later hand-over stays", async () => {
    await using nats = await startNats();
    await using dir = await tempDir();
    await using mesh = connectMesh({ servers: nats.url, name: "test" });
    const owners = new RunTokens(mesh);
    {
      await using a = await testAgent("host-a", dir.path, { nats: { servers: [nats.url] } });
      await status(a.agent.context.mesh, true);
      await a.agent.context.tokens.adopt(UUID, generation(4n));
    }
    expect(await owners.read(UUID)).toMatchObject({ host: "host-a", generation: 4n });
    const later = {
      domainUuid: UUID,
      host: "host-b",
      hypervisor: "test",
      generation: 5n,
      migrationId: "",
      fencedHosts: [],
    };
    await owners.handOver(later);
    {
      await using a = await testAgent("host-a", dir.path, { nats: { servers: [nats.url] } });
      await status(a.agent.context.mesh, true);
      await a.agent.context.tokens.adopt(UUID, generation(4n));
    }
    expect(await owners.read(UUID)).toMatchObject({ host: "host-b", generation: 5n });
  });

  it("announces itself and keeps the inventory true", async () => {
    await using nats = await startNats();
    await using dir = await tempDir();
    await using mesh = connectMesh({ servers: nats.url, name: "test" });
    await using agents = watchAgents(mesh);
    await using inventory = watchInventory(mesh);
    await Promise.all([agents.synced, inventory.synced]);
    const heard = (wanted: (c: InventoryChange) => boolean): Promise<void> =>
      new Promise((resolve) => {
        const listening = inventory.onChange((c) => {
          if (!wanted(c)) return;
          listening[Symbol.dispose]();
          resolve();
        });
      });
    const alive = new Promise<void>((resolve) => {
      agents.onChange(({ change }) => (change === "alive" ? resolve() : undefined));
    });
    await using a = await testAgent("host-a", dir.path, {
      nats: { servers: [nats.url] },
      labels: { zone: "z1" },
    });
    await alive;
    expect(agents.find("test", "host-a")).toMatchObject({ address: a.agent.address, labels: { zone: "z1" } });

    const there = heard((c) => c.uuid === UUID && c.domain?.startTime !== undefined);
    await a.client.define(guestXml("web", UUID));
    await a.client.start("web");
    await there;
    const gone = heard((c) => c.uuid === UUID && c.domain === undefined);
    await a.client.destroy("web");
    await a.client.undefine("web");
    await gone;
  });

  it("begins one migration for a request that comes twice, and moves guest and token", async () => {
    await using nats = await startNats();
    await using dir = await tempDir();
    const more = { nats: { servers: [nats.url] }, modules: [migrationModule] };
    await using mesh = connectMesh({ servers: nats.url, name: "test" });
    await using agents = watchAgents(mesh);
    const both = Promise.withResolvers<void>();
    agents.onChange(() => (agents.list().length === 2 ? both.resolve() : undefined));
    await using a = await testAgent("host-a", dir.path, more);
    await using b = await testAgent("host-b", dir.path, more);
    await both.promise;
    await a.client.define(guestXml("web", UUID));
    await a.client.start("web");
    const first = await a.client.migrate("web", b.uri, "r1");
    const second = await a.client.migrate("web", b.uri, "r1");
    expect(second.name).toBe(first.name);
    expect((await a.client.wait(first.name)).result?.$case).toBe("response");
    expect(await b.client.get("web")).toMatchObject({ host: "host-b", generation: 2n });
    expect(a.agent.context.tokens.generationOf(UUID)).toBe(0n);
    const elsewhere = await failure(a.client.migrate("web", "test://host-c/default", "r1"));
    expect(elsewhere.reason).toBe("REQUEST_ID_REUSED");
  });
});
