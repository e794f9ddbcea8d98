import { startNats } from "@virtmesh/lab/nats";
import { domainUuid, hostName } from "@virtmesh/core/ids";
import { connectMesh } from "@virtmesh/mesh/connection";
import { RunTokens } from "@virtmesh/mesh/run-tokens";
import { connected, GUEST } from "./support.ts";

jest.setTimeout(60_000);

const GUEST_UUID = domainUuid(GUEST);
const A = hostName("host-a");
const B = hostName("host-b");

function handedTo(host: string, generation: bigint, migrationId = "m-1") {
  return { domainUuid: GUEST, host, hypervisor: "test", generation, migrationId, fencedHosts: [] };
}

describe("RunTokens", () => {
  it("gives a new guest to the first who claims it, with generation 1", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    const tokens = new RunTokens(mesh);
    expect(await tokens.read(GUEST_UUID)).toBeUndefined();
    expect(await tokens.claim(GUEST_UUID, A, "test")).toMatchObject({ host: "host-a", generation: 1n });
    expect(await tokens.claim(GUEST_UUID, A, "test")).toMatchObject({ host: "host-a", generation: 1n });
  });

  it("refuses a guest that belongs to another host, and names it", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    const tokens = new RunTokens(mesh);
    await tokens.claim(GUEST_UUID, A, "test");
    await expect(tokens.claim(GUEST_UUID, B, "test")).rejects.toMatchObject({
      reason: "RUN_TOKEN_ELSEWHERE",
      context: { metadata: { owner_host: "host-a" } },
    });
  });

  it("has one winner when two hosts claim at the same moment", async () => {
    await using nats = await startNats();
    await using one = await connected(nats.url);
    await using two = await connected(nats.url);
    for (let round = 0; round < 30; round++) {
      const uuid = domainUuid(crypto.randomUUID());
      const claims = await Promise.allSettled([
        new RunTokens(one).claim(uuid, A, "test"),
        new RunTokens(two).claim(uuid, B, "test"),
      ]);
      expect(claims.map((c) => c.status).toSorted()).toEqual(["fulfilled", "rejected"]);
    }
  });

  it("hands over to a higher generation only", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    const tokens = new RunTokens(mesh);
    await tokens.claim(GUEST_UUID, A, "test");
    expect(await tokens.handOver(handedTo("host-b", 2n))).toMatchObject({ host: "host-b", generation: 2n });
    expect(await tokens.handOver(handedTo("host-b", 2n))).toMatchObject({ host: "host-b", generation: 2n });
    expect(await tokens.handOver(handedTo("host-c", 2n, "m-2"))).toMatchObject({
      host: "host-b",
      migrationId: "m-1",
    });
    expect(await tokens.handOver(handedTo("host-c", 1n))).toMatchObject({ host: "host-b", generation: 2n });
  });

  it("never counts back, even when a guest was undefined and defined again", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    const tokens = new RunTokens(mesh);
    await tokens.claim(GUEST_UUID, A, "test");
    await tokens.release(GUEST_UUID, B, 1n);
    expect(await tokens.read(GUEST_UUID)).toMatchObject({ host: "host-a" });
    await tokens.release(GUEST_UUID, A, 1n);
    expect(await tokens.read(GUEST_UUID)).toBeUndefined();
    expect(await tokens.claim(GUEST_UUID, B, "test")).toMatchObject({ host: "host-b", generation: 2n });
  });

  it("does not free a guest that came back under a later generation than the one that went", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    const tokens = new RunTokens(mesh);
    await tokens.claim(GUEST_UUID, A, "test");
    expect(await tokens.claim(GUEST_UUID, A, "test", {}, 1n)).toMatchObject({
      host: "host-a",
      generation: 2n,
    });
    await tokens.release(GUEST_UUID, A, 1n);
    expect(await tokens.read(GUEST_UUID)).toMatchObject({ host: "host-a", generation: 2n });
    await expect(tokens.claim(GUEST_UUID, B, "test", {}, 9n)).rejects.toMatchObject({
      reason: "RUN_TOKEN_ELSEWHERE",
    });
  });

  it("says RUN_TOKEN_UNREACHABLE when NATS is away", async () => {
    await using mesh = connectMesh({ servers: "nats://127.0.0.1:1", name: "test" });
    await expect(new RunTokens(mesh).claim(GUEST_UUID, A, "test", { timeoutMs: 100 })).rejects.toMatchObject({
      reason: "RUN_TOKEN_UNREACHABLE",
    });
  });
});
