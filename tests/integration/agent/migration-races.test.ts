import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { migrationModule } from "@virtmesh/agent/migration/module";
import {
  MigrateDomainRequest,
  MigrationMode,
  MigrationServiceService,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import {
  DestinationStanding,
  MigrationPeerServiceService,
  type SessionRequest,
} from "@virtmesh/api/gen/virtmesh/v1/migration_peer";
import { ownCall } from "@virtmesh/core/call";
import { need } from "@virtmesh/core/driver/driver";
import type { MigrationOffer } from "@virtmesh/core/driver/migration";
import { domainUuid, type MigrationId } from "@virtmesh/core/ids";
import { bidiCall, unaryCall } from "@virtmesh/kit/grpc-client";
import { HEARTBEAT_MS, Outgoing, SILENCE_MS } from "@virtmesh/agent/migration/peer-link";
import { offerToWire } from "@virtmesh/agent/migration/wire";
import { Scope } from "@virtmesh/kit/scope";
import { startNats } from "@virtmesh/lab/nats";
import { connectMesh } from "@virtmesh/mesh/connection";
import { watchAgents } from "@virtmesh/mesh/registry";
import { guestXml, tempDir, type TestAgent, testAgent } from "./support.ts";

jest.setTimeout(120_000);

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
  const signal = AbortSignal.timeout(60_000);
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
      { signal: AbortSignal.timeout(60_000) },
    );
    hold[Symbol.dispose]();
    expect((await a.client.wait(name)).result?.$case).toBe("error");
    await there.whenFree(UUID);
    expect(there.holderOf(UUID)).toBeUndefined();
    expect(a.driver.domains.find(UUID)?.state).toBe("running");
  });
});

const STALE = "0a0a0a0a-0000-4000-8000-00000000000a" as MigrationId;

/** What the guest's host would offer. */
async function offerOf({ a, b }: { readonly a: TestAgent; readonly b: TestAgent }): Promise<MigrationOffer> {
  const asking = jest.spyOn(b.driver.migrationDestination, "examine");
  const check = MigrateDomainRequest.fromPartial({
    ...{ uri: a.uri, domain: "web", destinationUri: b.uri, plaintext: true, validateOnly: true },
  });
  const signal = AbortSignal.timeout(60_000);
  await unaryCall(a.channel, MigrationServiceService.migrateDomain, check, { signal });
  const offer = asking.mock.calls[0]?.[0];
  asking.mockRestore();
  if (offer === undefined) throw new Error("host-b was not asked");
  return offer;
}

/**
 * The guest of another offer, offered by a migration that its source has given up: its session ends in a moment.
 * By a heartbeat one knows that it has come, and waits.
 */
async function staleOffer(
  b: TestAgent,
  offer: MigrationOffer,
  until: "heartbeat" | "prepared" = "heartbeat",
) {
  const saying = new Outgoing<SessionRequest>();
  const value = offerToWire({ ...offer, plan: { ...offer.plan, id: STALE } });
  saying.push({ uri: b.uri, migrationId: STALE, message: { $case: "prepare", value } });
  const heartbeat = { uri: "", migrationId: STALE, message: { $case: "heartbeat", value: {} } } as const;
  const beat = setInterval(() => saying.push(heartbeat), HEARTBEAT_MS);
  const end = (): void => {
    clearInterval(beat);
    saying.end();
  };
  const signal = AbortSignal.timeout(60_000);
  const answers = bidiCall(b.channel, MigrationPeerServiceService.session, saying, { signal });
  const heard: string[] = [];
  const arrived = Promise.withResolvers<void>();
  const ended = (async () => {
    try {
      for await (const { message } of answers) {
        const said = message?.$case ?? "";
        heard.push(said);
        if (said === until) arrived.resolve();
      }
    } finally {
      end();
    }
    return heard;
  })();
  await arrived.promise;
  return { end, ended };
}

describe("an offer that comes through long after it was given up", () => {
  it("holds up the next one of the same guest while it is looked at, and no longer", async () => {
    await using hosts = await twoHosts();
    const { a, b } = hosts;
    await a.client.start("web");
    const examine = need(b.driver, "migrationDestination", "examine");
    let stale: ReturnType<typeof staleOffer> | undefined;
    jest.spyOn(b.driver.migrationDestination, "examine").mockImplementation(async (offer, c) => {
      if (offer.plan.id === STALE) {
        await once(c.signal, "abort");
        c.signal.throwIfAborted();
      }
      // The next one is asked about, and the old one comes before that is offered.
      stale ??= staleOffer(b, offer);
      await stale;
      return examine(offer, c);
    });
    const { name } = await a.client.migrate("web", b.uri, "next");
    await delay(SILENCE_MS / 3);
    (await stale)?.end();
    expect(await a.client.wait(name)).toMatchObject({ result: { $case: "response" } });
    expect(await (await stale)?.ended).not.toContain("prepared");
    expect(b.driver.domains.find(UUID)?.state).toBe("running");
  });

  it("is not in the way of the next one when it has come as far as it could", async () => {
    await using hosts = await twoHosts();
    const { a, b } = hosts;
    await a.client.start("web");
    const stale = await staleOffer(b, await offerOf(hosts), "prepared");
    const ends = delay(SILENCE_MS / 3).then(stale.end);
    const { name } = await a.client.migrate("web", b.uri, "next");
    await ends;
    expect(await a.client.wait(name)).toMatchObject({ result: { $case: "response" } });
    expect(b.driver.domains.find(UUID)?.state).toBe("running");
  });

  it("does not end the next one, which came before it", async () => {
    await using hosts = await twoHosts();
    const { a, b } = hosts;
    await a.client.start("web");
    const prepare = need(b.driver, "migrationDestination", "prepare");
    let stale: ReturnType<typeof staleOffer> | undefined;
    jest.spyOn(b.driver.migrationDestination, "prepare").mockImplementation(async (offer, sink, c) => {
      stale ??= staleOffer(b, offer);
      await stale;
      return prepare(offer, sink, c);
    });
    const { name } = await a.client.migrate("web", b.uri, "next");
    expect(await a.client.wait(name)).toMatchObject({ result: { $case: "response" } });
    (await stale)?.end();
    expect(await (await stale)?.ended).not.toContain("prepared");
    expect(b.driver.domains.find(UUID)?.state).toBe("running");
    expect(b.agent.context.queue.holderOf(UUID)).toBeUndefined();
  });

  it("is not taken any more once its source was promised so, though it still waits", async () => {
    await using hosts = await twoHosts();
    const { a, b } = hosts;
    await a.client.start("web");
    const there = b.agent.context.queue;
    const asked = await offerOf(hosts);
    const hold = await there.acquire({ uuid: UUID }, { verb: "change" }, ownCall());
    const stale = await staleOffer(b, asked);
    const question = { uri: b.uri, migrationId: STALE, demandPromise: true };
    const { standing } = await unaryCall(b.channel, MigrationPeerServiceService.inquire, question, {
      signal: AbortSignal.timeout(60_000),
    });
    expect(standing).toBe(DestinationStanding.DESTINATION_STANDING_PROMISED);
    hold[Symbol.dispose]();
    expect(await stale.ended).not.toContain("prepared");
    expect(there.holderOf(UUID)).toBeUndefined();
  });
});
