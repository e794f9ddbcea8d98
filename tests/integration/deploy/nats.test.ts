import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { Authority } from "@virtmesh/lab/authority";
import type { NatsServer } from "@virtmesh/lab/nats";
import { run } from "@virtmesh/lab/process";
import { startSecuredNats } from "@virtmesh/lab/secured-nats";
import { Mesh } from "@virtmesh/mesh/connection";

const STATEFUL = 60_000;
const ANY_NAME: object = { checkServerIdentity: () => undefined };

let folder: string;
let authority: Authority;
let server: NatsServer;
const open: NatsConnection[] = [];

async function connectAs(tlsFolder: string): Promise<NatsConnection> {
  const file = (name: string): string => join(tlsFolder, name);
  const connection = await connect({
    servers: `127.0.0.1:${server.port}`,
    // The client looks for "localhost" in the certificate of a server named by its address.
    tls: { caFile: file("ca.pem"), certFile: file("cert.pem"), keyFile: file("key.pem"), ...ANY_NAME },
    reconnect: false,
  });
  open.push(connection);
  return connection;
}

/** What the server says to one message: "stored", or its refusal. */
async function publish(connection: NatsConnection, subject: string): Promise<string> {
  try {
    await connection.request(subject, "x", { timeout: 2000 });
    return "stored";
  } catch (e) {
    return String(e);
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "virtmesh-deploy-"));
  authority = await Authority.make(join(folder, "pki"));
  server = await startSecuredNats({
    dir: join(folder, "nats"),
    authority,
    address: "127.0.0.1",
    agents: ["host-a", "host-b"],
    gateways: ["door"],
  });
  await run(["nats-server", "-t", "-c", "nats-server.conf"], { cwd: join(folder, "nats") });
  const tlsDir = await authority.host("host-a", "agent", ["127.0.0.2"]);
  const file = (name: string): string => join(tlsDir, name);
  const tls = { ca: file("ca.pem"), cert: file("cert.pem"), key: file("key.pem") };
  await using mesh = new Mesh({ servers: server.url, name: "host-a", tls });
  await mesh.whenConnected(AbortSignal.timeout(10_000));
}, STATEFUL);

afterAll(async () => {
  for (const connection of open) await connection.close();
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
}, STATEFUL);

describe("nats-server as deploy/nats sets it up", () => {
  it("lets an agent make what the mesh needs", async () => {
    const jsm = await jetstreamManager(
      await connectAs(await authority.host("door", "gateway", ["127.0.0.1"])),
    );
    const names: string[] = [];
    for await (const name of jsm.streams.names()) names.push(name);
    expect(names.toSorted()).toEqual([
      "EVENTS",
      "KV_agents",
      "KV_inventory",
      "KV_migrations",
      "KV_owners",
      "MIGRATIONS",
    ]);
  });

  it("lets an agent publish under its own host and nowhere else", async () => {
    const agent = await connectAs(await authority.host("host-a", "agent", ["127.0.0.2"]));
    const event = "qemu.1f0b1c3e-6a0e-4c53-9d53-000000000001.lifecycle.started";
    expect(await publish(agent, `virtmesh.v1.event.host-a.${event}`)).toBe("stored");
    expect(await publish(agent, "$KV.agents.host-a.qemu")).toBe("stored");
    expect(await publish(agent, "$KV.owners.1f0b1c3e")).toBe("stored");
    expect(await publish(agent, `virtmesh.v1.event.host-b.${event}`)).toMatch(/permission/i);
    expect(await publish(agent, "$KV.agents.host-b.qemu")).toMatch(/permission/i);
    expect(await publish(agent, "$KV.inventory.host-b.1f0b1c3e")).toMatch(/permission/i);
  });

  it("lets no agent purge, delete or change a stream", async () => {
    const agent = await connectAs(await authority.host("host-a", "agent", ["127.0.0.2"]));
    for (const verb of ["PURGE", "DELETE", "UPDATE", "MSG.DELETE"]) {
      expect(await publish(agent, `$JS.API.STREAM.${verb}.KV_owners`)).toMatch(/permission/i);
    }
  });

  it("lets a gateway read and write nothing", async () => {
    const gateway = await connectAs(await authority.host("door", "gateway", ["127.0.0.1"]));
    const jsm = await jetstreamManager(gateway);
    expect((await jsm.streams.info("EVENTS")).state.messages).toBeGreaterThan(0);
    expect(await publish(gateway, "virtmesh.v1.event.door.qemu.-.lifecycle.started")).toMatch(/permission/i);
    expect(await publish(gateway, "$KV.owners.1f0b1c3e")).toMatch(/permission/i);
  });

  it("refuses a certificate of the authority that is no process of the mesh", async () => {
    await expect(connectAs(await authority.user("alice"))).rejects.toThrow(/authorization/i);
    await expect(connectAs(await authority.host("host-z", "agent", ["127.0.0.9"]))).rejects.toThrow(
      /authorization/i,
    );
  });

  it("refuses a certificate of another authority", async () => {
    const other = await Authority.make(join(folder, "other"));
    const forged = await other.host("host-a", "agent", ["127.0.0.2"]);
    await copyFile(join(authority.dir, "ca.pem"), join(forged, "ca.pem"));
    await expect(connectAs(forged)).rejects.toThrow();
  });

  it(
    "takes up a new host by a reload that breaks no connection",
    async () => {
      const agent = await connectAs(await authority.host("host-a", "agent", ["127.0.0.2"]));
      const permissions = await run([
        ...["bash", "deploy/nats/agent-permissions.sh"],
        ...["--agent", "host-a", "host-b", "host-new", "--gateway", "door"],
      ]);
      await writeFile(join(folder, "nats/permissions.conf"), permissions.stdout);
      await run(["nats-server", "--signal", `reload=${server.pid}`]);
      const newTls = await authority.host("host-new", "agent", ["127.0.0.4"]);
      await untilConnected(newTls);
      expect(agent.isClosed()).toBe(false);
      expect(await publish(agent, "$KV.agents.host-a.qemu")).toBe("stored");
    },
    STATEFUL,
  );
});

/** The signal is answered before the server has read the file. */
async function untilConnected(tlsFolder: string): Promise<void> {
  for (let left = 50; ; left--) {
    try {
      await connectAs(tlsFolder);
      return;
    } catch (e) {
      if (left === 0) throw e;
      await delay(100);
    }
  }
}
