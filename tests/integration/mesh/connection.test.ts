import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNats } from "@virtmesh/lab/nats";
import { connectMesh } from "@virtmesh/mesh/connection";
import { publishEvent } from "@virtmesh/mesh/events";
import { connected, lifecycleEvent, nextStatus, storedIds } from "./support.ts";

jest.setTimeout(60_000);

describe("connectMesh", () => {
  it("does not wait for NATS, and connects when it comes up", async () => {
    await using nats = await startNats();
    await nats.kill("SIGKILL");
    await using mesh = connectMesh({ servers: nats.url, name: "test" });
    expect(mesh.connected).toBe(false);
    const up = nextStatus(mesh, true);
    await nats.restart();
    await up;
    expect(mesh.connected).toBe(true);
  });

  it("can be closed while it has never been connected", async () => {
    const mesh = connectMesh({ servers: "nats://127.0.0.1:1", name: "test" });
    const publishing = publishEvent(mesh, lifecycleEvent(1));
    await Promise.all([
      expect(publishing).rejects.toMatchObject({ reason: "EVENTS_UNAVAILABLE" }),
      mesh.close(),
    ]);
  });

  it("can be closed at once, while it is connecting", async () => {
    await using nats = await startNats();
    const mesh = connectMesh({ servers: nats.url, name: "test" });
    await expect(mesh.close()).resolves.toBeUndefined();
    expect(mesh.connected).toBe(false);
  });

  it("tells a lost connection and a new one, and sends nothing on its own afterwards", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    const down = nextStatus(mesh, false);
    await nats.kill("SIGKILL");
    await down;
    await expect(publishEvent(mesh, lifecycleEvent(1), { timeoutMs: 100 })).rejects.toMatchObject({
      reason: "EVENTS_UNAVAILABLE",
    });
    const up = nextStatus(mesh, true);
    await nats.restart();
    await up;
    expect(await storedIds(mesh)).toEqual([]);
  });

  it("ends a waiting operation when its caller gives up", async () => {
    await using mesh = connectMesh({ servers: "nats://127.0.0.1:1", name: "test" });
    const caller = new AbortController();
    const publishing = publishEvent(mesh, lifecycleEvent(1), { signal: caller.signal });
    caller.abort();
    await expect(publishing).rejects.toMatchObject({ reason: "CANCELLED" });
  });

  it("notices a server that holds its sockets and answers nothing", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    const down = nextStatus(mesh, false);
    nats.pause();
    await down;
    const up = nextStatus(mesh, true);
    nats.resume();
    await up;
    expect(mesh.connected).toBe(true);
  });

  it("says NOT_PERMITTED for what its NATS user may not do", async () => {
    const dir = await mkdtemp(join(tmpdir(), "virtmesh-nats-conf-"));
    const configFile = join(dir, "nats.conf");
    await writeFile(
      configFile,
      `authorization { users: [ { user: "host-a", password: "a", permissions: {
         publish: { deny: ["virtmesh.v1.event.host-b.>"] } } } ] }`,
    );
    await using nats = await startNats({ configFile });
    await using mesh = connectMesh({ servers: nats.url, name: "agent", user: "host-a", password: "a" });
    await publishEvent(mesh, lifecycleEvent(1, "host-a"));
    await expect(publishEvent(mesh, lifecycleEvent(1, "host-b"))).rejects.toMatchObject({
      reason: "NOT_PERMITTED",
    });
    await rm(dir, { recursive: true });
  });
});
