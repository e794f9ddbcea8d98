import { AgentState, FleetServiceService } from "@virtmesh/api/gen/virtmesh/v1/agent";
import { DomainServiceService } from "@virtmesh/api/gen/virtmesh/v1/domain";
import type { MeshHost } from "@virtmesh/lab/launcher";
import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";

const PATIENCE_MS = 90_000;

let mesh: RunningMesh;
let a: MeshHost;

beforeAll(async () => {
  mesh = await startMesh({ agents: "test" });
  a = mesh.hosts[0] as MeshHost;
}, PATIENCE_MS);
afterAll(async () => await mesh[Symbol.asyncDispose](), PATIENCE_MS);

async function guestsOf(host: MeshHost): Promise<number> {
  const request = { uri: host.uri, pageSize: 0, pageToken: "", filter: "", orderBy: "" };
  return (await mesh.unary(DomainServiceService.listDomains, request)).domains.length;
}

describe("a mesh on this computer", () => {
  it("answers for every host through the gateway", async () => {
    const { agents } = await mesh.unary(FleetServiceService.listAgents, { uri: "" });
    expect(agents.map((agent) => [agent.host, agent.state])).toEqual([
      ["host-a", AgentState.AGENT_STATE_ALIVE],
      ["host-b", AgentState.AGENT_STATE_ALIVE],
    ]);
  });

  it(
    "has agents that can be killed and started again where they were",
    async () => {
      const [before, { address }] = [a.agent.pid, a.agent];
      expect(await a.agent.kill("SIGKILL")).toEqual({ code: null, signal: "SIGKILL" });
      await a.agent.restart();
      expect(a.agent.pid).not.toBe(before);
      expect(a.agent.address).toBe(address);
      await mesh.complete();
      expect(await guestsOf(a)).toBeGreaterThan(0);
    },
    PATIENCE_MS,
  );

  it(
    "goes on after its gateway and NATS were started again",
    async () => {
      await mesh.nats.restart();
      await mesh.gateway.restart();
      await mesh.complete();
      expect(await guestsOf(a)).toBeGreaterThan(0);
    },
    PATIENCE_MS,
  );

  it(
    "fails to start with what the process said that was wrong",
    async () => {
      const starting = startMesh({ agents: "test", agentArguments: ["--lease-ttl", "never"] });
      await expect(starting).rejects.toThrow(/the agent of host-a ended at once[^]*lease-ttl/);
    },
    PATIENCE_MS,
  );
});
