import { setTimeout as delay } from "node:timers/promises";
import { Agent, AgentState } from "@virtmesh/api/gen/virtmesh/v1/agent";
import { startNats } from "@virtmesh/lab/nats";
import type { AgentChange, AgentDirectory } from "@virtmesh/mesh/registry";
import { keepLease, watchAgents } from "@virtmesh/mesh/registry";
import { agentOf, connected, nextMatching, nextStatus } from "./support.ts";

jest.setTimeout(60_000);

/** Long enough that a busy computer renews in time, and no multiple of three: there are three renewals in it. */
const TTL_MS = 2_000;
const infrastructure = { leaseTtlMs: TTL_MS };
/** Leases that do not age out. */
const LASTING = { leaseTtlMs: 3_600_000 };

function next(directory: AgentDirectory, change: AgentChange["change"]): Promise<AgentChange> {
  return nextMatching<AgentChange>(
    (listener) => directory.onChange(listener),
    (c) => c.change === change,
  );
}

describe("agent registry", () => {
  it("finds an agent by scheme and host as soon as it is announced", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url, infrastructure);
    await using directory = watchAgents(mesh, { ttlMs: TTL_MS });
    await directory.synced;
    expect(directory.list()).toEqual([]);
    const alive = next(directory, "alive");
    await using _lease = keepLease(mesh, () => agentOf("host-a"), { ttlMs: TTL_MS });
    await alive;
    expect(directory.find("test", "host-a")).toMatchObject({
      host: "host-a",
      state: AgentState.AGENT_STATE_ALIVE,
    });
    expect(directory.byScheme("test")).toHaveLength(1);
    expect(directory.find("qemu", "host-a")).toBeUndefined();
  });

  it("gives a late joiner the agents that are there", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url, infrastructure);
    await using _a = keepLease(mesh, () => agentOf("host-a"), { ttlMs: TTL_MS });
    await using _b = keepLease(mesh, () => agentOf("host-b"), { ttlMs: TTL_MS });
    await using early = watchAgents(mesh, { ttlMs: TTL_MS });
    const both = nextMatching<AgentChange>(
      (listener) => early.onChange(listener),
      () => early.list().length === 2,
    );
    await early.synced;
    if (early.list().length < 2) await both;
    await using late = watchAgents(mesh, { ttlMs: TTL_MS });
    await late.synced;
    expect(late.list().map((a) => a.host)).toEqual(["host-a", "host-b"]);
  });

  it("tells a renewal only when the agent says something else", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url, infrastructure);
    await using directory = watchAgents(mesh, { ttlMs: TTL_MS });
    const changes: string[] = [];
    using _listening = directory.onChange((c) => changes.push(c.change));
    let domains = 0;
    const [alive, changed] = [next(directory, "alive"), next(directory, "changed")];
    await using lease = keepLease(mesh, () => ({ ...agentOf("host-a"), domains }), { ttlMs: TTL_MS });
    await alive;
    await delay(TTL_MS);
    domains = 1;
    lease.renew();
    await changed;
    expect(changes).toEqual(["alive", "changed"]);
    expect(directory.find("test", "host-a")?.domains).toBe(1);
  });

  it("shows an agent as lost when it stops renewing, and as alive when it comes back", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url, infrastructure);
    await using directory = watchAgents(mesh, { ttlMs: TTL_MS });
    const lost = next(directory, "lost");
    {
      await using agents = await connected(nats.url, infrastructure);
      const alive = next(directory, "alive");
      keepLease(agents, () => agentOf("host-a"), { ttlMs: TTL_MS });
      await alive;
      // The mesh is closed and the lease is not: as when a process dies.
    }
    const { agent } = await lost;
    expect(agent.state).toBe(AgentState.AGENT_STATE_LOST);
    expect(directory.find("test", "host-a")?.state).toBe(AgentState.AGENT_STATE_LOST);
    const back = next(directory, "alive");
    await using _lease = keepLease(mesh, () => agentOf("host-a", "instance-2"), { ttlMs: TTL_MS });
    expect((await back).agent.instance).toBe("instance-2");
  });

  it("forgets a lost agent after a while", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url, infrastructure);
    await using directory = watchAgents(mesh, { ttlMs: TTL_MS, keepLostMs: 50 });
    const gone = next(directory, "gone");
    const value = Agent.encode(agentOf("host-a")).finish();
    await mesh.run("announcing once", {}, (s) => s.bucket("agents").put("host-a.test", value));
    await gone;
    expect(directory.list()).toEqual([]);
  });

  it("removes an agent at once that leaves in order", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url);
    await using directory = watchAgents(mesh);
    const alive = next(directory, "alive");
    const lease = keepLease(mesh, () => agentOf("host-a"));
    await alive;
    const gone = next(directory, "gone");
    await lease[Symbol.asyncDispose]();
    expect((await gone).agent.state).toBe(AgentState.AGENT_STATE_ALIVE);
    expect(directory.find("test", "host-a")).toBeUndefined();
  });

  it("loses nobody while NATS is away, and hears of all again afterwards", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url, infrastructure);
    await using agents = await connected(nats.url, infrastructure);
    await using directory = watchAgents(mesh, { ttlMs: TTL_MS });
    const alive = next(directory, "alive");
    let domains = 0;
    await using _lease = keepLease(agents, () => ({ ...agentOf("host-a"), domains }), { ttlMs: TTL_MS });
    await alive;
    const changes: string[] = [];
    using _listening = directory.onChange((c) => changes.push(c.change));
    const down = nextStatus(mesh, false);
    await nats.kill("SIGKILL");
    await down;
    await delay(1.5 * TTL_MS);
    expect(directory.find("test", "host-a")?.state).toBe(AgentState.AGENT_STATE_ALIVE);
    domains = 7;
    const changed = next(directory, "changed");
    await nats.restart();
    await changed;
    await delay(1.5 * TTL_MS);
    expect(changes).toEqual(["changed"]);
    expect(directory.find("test", "host-a")?.domains).toBe(7);
  });

  it("loses nobody while NATS stands still", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url, infrastructure);
    await using agents = await connected(nats.url, infrastructure);
    await using directory = watchAgents(mesh, { ttlMs: TTL_MS });
    const alive = next(directory, "alive");
    await using _lease = keepLease(agents, () => agentOf("host-a"), { ttlMs: TTL_MS });
    await alive;
    const changes: string[] = [];
    using _listening = directory.onChange((c) => changes.push(c.change));
    nats.pause();
    await delay(2 * TTL_MS);
    nats.resume();
    await delay(1.5 * TTL_MS);
    expect(changes).toEqual([]);
  });

  it("tells an agent whose name another installation took meanwhile, and leaves that one its lease", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url, LASTING);
    await using others = await connected(nats.url, LASTING);
    const other = { ...agentOf("host-a", "instance-2"), installation: "another" };
    const stored = () => mesh.run("reading a lease", {}, (s) => s.bucket("agents").get("host-a.test"));
    const held = Promise.withResolvers<void>();
    const taken = Promise.withResolvers<Agent>();
    const lease = keepLease(mesh, () => ({ ...agentOf("host-a"), installation: "one" }), {
      ttlMs: TTL_MS,
      onHeld: held.resolve,
      onTaken: taken.resolve,
    });
    await held.promise;
    const value = Agent.encode(other).finish();
    await others.run("announcing", {}, (s) => s.bucket("agents").put("host-a.test", value));
    await using _others = keepLease(others, () => other, { ttlMs: TTL_MS });
    expect(await taken.promise).toMatchObject({ instance: "instance-2", installation: "another" });
    await lease[Symbol.asyncDispose]();
    expect(Agent.decode((await stored())?.value ?? new Uint8Array())).toMatchObject({
      installation: "another",
    });
  });

  it("has the name at once that an agent of before installations were told apart left behind", async () => {
    await using nats = await startNats();
    await using mesh = await connected(nats.url, LASTING);
    const value = Agent.encode(agentOf("host-a")).finish();
    await mesh.run("announcing", {}, (s) => s.bucket("agents").put("host-a.test", value));
    const held = Promise.withResolvers<void>();
    await using _lease = keepLease(mesh, () => ({ ...agentOf("host-a"), installation: "one" }), {
      ttlMs: TTL_MS,
      onHeld: held.resolve,
    });
    await held.promise;
  });
});
