import { join } from "node:path";
import { type Agent, AgentState } from "@virtmesh/api/gen/virtmesh/v1/agent";
import { domainUuid } from "@virtmesh/core/ids";
import { startNats } from "@virtmesh/lab/nats";
import { Child } from "@virtmesh/lab/process";
import { repositoryRoot } from "@virtmesh/lab/repository";
import { type AgentDirectory, watchAgents } from "@virtmesh/mesh/registry";
import { RunTokens } from "@virtmesh/mesh/run-tokens";
import { createTestDriver } from "@virtmesh/test-driver/test-driver";
import { connected, GUEST, nextMatching } from "../mesh/support.ts";
import { guestXml, tempDir, testAgent } from "./support.ts";

jest.setTimeout(60_000);

const PROGRAM = join(repositoryRoot(), "services/test-agent/src/main.ts");
const TAKEN =
  /^fatal: another agent for test is called host-a and serves at 127\.0\.0\.1:\d+: give one of the two/;

/** Leases that age out in no test, however slow the computer is; renewed as often as ever. */
const LASTING = { leaseTtlMs: 3_600_000 };

/** A process of an agent called host-a. */
function agentIn(stateDir: string, nats: string): Promise<Child> {
  const argv = ["--host", "host-a", "--listen", "127.0.0.1:0", "--nats", nats];
  const dirs = ["--state-dir", join(stateDir, "state"), "--run-dir", join(stateDir, "run")];
  return Child.start([process.execPath, PROGRAM, ...argv, ...dirs], { name: "the agent" });
}

/** Resolves with the agent that is announced as host-a, alive and not one of `but`. */
async function announced(directory: AgentDirectory, ...but: readonly Agent[]): Promise<Agent> {
  const isIt = (agent: Agent): boolean =>
    agent.state === AgentState.AGENT_STATE_ALIVE && but.every((b) => b.instance !== agent.instance);
  const next = nextMatching<{ readonly agent: Agent }>(
    (listener) => directory.onChange(listener),
    ({ agent }) => isIt(agent),
  );
  return directory.list().find(isIt) ?? (await next).agent;
}

describe("two agents with one name on two machines", () => {
  it("the second ends and says which other has the name, the first is found as before", async () => {
    await using nats = await startNats();
    await using dir = await tempDir();
    await using mesh = await connected(nats.url, LASTING);
    await using directory = watchAgents(mesh, { ttlMs: LASTING.leaseTtlMs });
    await using _first = await agentIn(join(dir.path, "1"), nats.url);
    const { instance, installation, address } = await announced(directory);
    await using second = await agentIn(join(dir.path, "2"), nats.url);
    expect(await second.exited).toEqual({ code: 1, signal: null });
    expect(second.tail()).toContainEqual(expect.stringMatching(TAKEN));
    expect(second.tail()).toContainEqual(expect.stringContaining(address));
    expect(directory.list()).toMatchObject([{ instance, installation, state: AgentState.AGENT_STATE_ALIVE }]);
  });

  it("the second takes no run tokens, not even of guests that nobody else has", async () => {
    await using nats = await startNats();
    await using one = await tempDir();
    await using two = await tempDir();
    await using mesh = await connected(nats.url, LASTING);
    await using directory = watchAgents(mesh, { ttlMs: LASTING.leaseTtlMs });
    const servers = { nats: { servers: [nats.url] } };
    await using _first = await testAgent("host-a", one.path, servers);
    await announced(directory);
    const driver = createTestDriver({ guests: [guestXml("web", GUEST)] });
    await using second = await testAgent("host-a", two.path, { ...servers, driver });
    await expect(second.agent.failed).rejects.toMatchObject({ reason: "HOST_SETUP" });
    expect(await new RunTokens(mesh).read(domainUuid(GUEST))).toBeUndefined();
  });

  it("exactly one goes on when both start at once", async () => {
    await using nats = await startNats();
    await using dir = await tempDir();
    await using mesh = await connected(nats.url, LASTING);
    await using directory = watchAgents(mesh, { ttlMs: LASTING.leaseTtlMs });
    await using one = await agentIn(join(dir.path, "1"), nats.url);
    await using two = await agentIn(join(dir.path, "2"), nats.url);
    const loser = await Promise.race([one.exited.then(() => one), two.exited.then(() => two)]);
    expect(loser.tail()).toContainEqual(expect.stringMatching(TAKEN));
    const left = await announced(directory);
    expect(loser.tail()).toContainEqual(expect.stringContaining(left.address));
  });

  it("the second has the name once the first was ended in order", async () => {
    await using nats = await startNats();
    await using dir = await tempDir();
    await using mesh = await connected(nats.url, LASTING);
    await using directory = watchAgents(mesh, { ttlMs: LASTING.leaseTtlMs });
    let first: Agent;
    {
      await using _agent = await agentIn(join(dir.path, "1"), nats.url);
      first = await announced(directory);
    }
    await using _second = await agentIn(join(dir.path, "2"), nats.url);
    expect((await announced(directory, first)).installation).not.toBe(first.installation);
  });
});

describe("an agent that was killed", () => {
  it("has its name again while its old lease still lives, with the state directory it had", async () => {
    await using nats = await startNats();
    await using dir = await tempDir();
    await using mesh = await connected(nats.url, LASTING);
    await using directory = watchAgents(mesh, { ttlMs: LASTING.leaseTtlMs });
    await using killed = await agentIn(dir.path, nats.url);
    const before = await announced(directory);
    killed.kill("SIGKILL");
    await killed.exited;
    await using _again = await agentIn(dir.path, nats.url);
    const { installation } = await announced(directory, before);
    expect(installation).toBe(before.installation);
  });

  it("has its name again once its old lease has aged out, when its state directory was lost", async () => {
    await using nats = await startNats();
    await using dir = await tempDir();
    await using mesh = await connected(nats.url);
    await using directory = watchAgents(mesh);
    await using killed = await agentIn(join(dir.path, "1"), nats.url);
    const before = await announced(directory);
    killed.kill("SIGKILL");
    await killed.exited;
    await using again = await agentIn(join(dir.path, "2"), nats.url);
    const { installation } = await announced(directory, before);
    expect(installation).not.toBe(before.installation);
    expect(again.tail()).not.toContainEqual(expect.stringMatching(/^fatal/));
  });
});
