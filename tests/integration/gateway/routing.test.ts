import { AgentState, FleetServiceService } from "@virtmesh/api/gen/virtmesh/v1/agent";
import { DomainServiceService } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { HostServiceService } from "@virtmesh/api/gen/virtmesh/v1/host";
import { VirtError } from "@virtmesh/core/errors";
import { Fleet, guestXml, LEASE_MS } from "./fleet.ts";

const getHost = HostServiceService.getHost;

describe("a gateway before three test hosts", () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.start("host-a", "host-b", "store-1");
  }, 60_000);
  afterAll(async () => {
    await fleet[Symbol.asyncDispose]();
  }, 60_000);

  const refusal = async (uri: string): Promise<{ reason: string; message: string }> => {
    try {
      await fleet.unary(getHost, { uri });
    } catch (e) {
      if (VirtError.is(e)) return { reason: e.reason, message: e.message };
      throw e;
    }
    throw new Error(`${uri} was served`);
  };

  it("sends each call to the host that its URI names", async () => {
    for (const host of ["host-a", "host-b", "store-1"]) {
      const uri = `test://${host}/default`;
      expect(await fleet.unary(getHost, { uri })).toMatchObject({ uri, name: host, hypervisor: "test" });
    }
  });

  it.each([
    ["vbox:///session", "UNKNOWN_SCHEME", 'no agent serves "vbox" connections; known here: test'],
    ["test://hots-a/default", "UNKNOWN_HOST", "no agent serves test://hots-a/default; did you mean host-a"],
    [
      "test://production/default",
      "UNKNOWN_HOST",
      "no agent serves test://production/default; hosts that serve test: host-a, host-b, store-1",
    ],
    [
      "test://host-a/other",
      "UNKNOWN_HOST",
      "no agent serves test://host-a/other; served there: test://host-a/default",
    ],
    [
      "test:///default",
      "AMBIGUOUS_HOST",
      "test:///default is served by 3 hosts; name one: test://host-a/default, test://host-b/default, test://store-1/default",
    ],
    [
      "",
      "INVALID_URI",
      "the connection URI is empty, and this call is for one; name it like qemu://host-a/system",
    ],
    [
      "test://*/default",
      "INVALID_URI",
      '"test://*/default" names several hosts, and this call is for one; name it like qemu://host-a/system',
    ],
    ["host-a", "INVALID_URI", '"host-a" is not a connection URI; one looks like qemu://host-a/system'],
  ])("says why it cannot send %j anywhere", async (uri, reason, message) => {
    expect(await refusal(uri)).toEqual({ reason, message });
  });

  it("passes an agent's refusal on as it is", async () => {
    const uri = "test://host-b/default";
    await expect(
      fleet.unary(DomainServiceService.getDomain, { uri, domain: "nobody" }),
    ).rejects.toMatchObject({
      reason: "DOMAIN_NOT_FOUND",
      message: 'there is no guest "nobody" on host host-b',
      context: { resource: { type: "domain", name: "nobody" }, metadata: { host: "host-b" } },
    });
  });

  it("lists the agents of the fleet", async () => {
    const { agents } = await fleet.unary(FleetServiceService.listAgents, { uri: "test://host-*/default" });
    expect(agents.map((agent) => [agent.host, agent.state])).toEqual([
      ["host-a", AgentState.AGENT_STATE_ALIVE],
      ["host-b", AgentState.AGENT_STATE_ALIVE],
    ]);
  });

  it("hands deadlines and cancellation on, so that the agent's guest is free again", async () => {
    const uri = "test://host-a/default";
    const xml = guestXml("slow", `<test:delay method="start" ms="600000"/>`);
    await fleet.unary(DomainServiceService.defineDomain, {
      uri,
      requestId: "",
      xml,
      validateOnly: false,
      etag: "",
    });
    const start = { uri, requestId: "", domain: "slow", paused: false, forceBoot: false };
    await expect(
      fleet.unary(DomainServiceService.startDomain, start, { deadline: Date.now() + 300 }),
    ).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });

    const abort = new AbortController();
    const starting = fleet.unary(DomainServiceService.startDomain, start, { signal: abort.signal });
    setTimeout(() => abort.abort(), 100);
    await expect(starting).rejects.toMatchObject({ code: "CANCELLED" });
    // It would wait behind the start for ten minutes if the agent had not heard.
    await fleet.unary(DomainServiceService.undefineDomain, {
      uri,
      requestId: "",
      domain: "slow",
      etag: "",
      managedSave: false,
    });
  });

  it("counts calls by code, and agents", async () => {
    const text = await fleet.metrics.scrape();
    expect(text).toMatch(
      /virtmesh_gateway_forwarded_calls_total\{service="virtmesh.v1.HostService",code="OK"[^}]*\} [1-9]/,
    );
    expect(text).toMatch(/virtmesh_gateway_forwarded_calls_total\{[^}]*code="NOT_FOUND"[^}]*\} [1-9]/);
    expect(text).toMatch(/virtmesh_gateway_agents\{state="alive"[^}]*\} 3/);
    expect(text).toContain("virtmesh_gateway_forward_seconds_bucket");
  });

  describe("when an agent is killed", () => {
    it("says when its lease is over that the host is gone, and since when, and finds it again on another port", async () => {
      const uri = "test://store-2/default";
      const agent = await fleet.agent("store-2");
      await agent.kill("SIGKILL");
      // The connection tells at once that nobody is there; the lease says what that means.
      const error = await fleet.unary(getHost, { uri }).catch((e: unknown) => e);
      expect(error).toMatchObject({ reason: "HOST_GONE" });
      await fleet.until((agents) => agents.some((a) => a.host === "store-2" && a.lostAtMs !== undefined));
      expect((await refusal(uri)).message).toMatch(
        /^store-2 is out of reach: its lease ended \d+ s ago; its guests may well run on$/,
      );
      const { agents } = await fleet.unary(FleetServiceService.listAgents, { uri });
      expect(agents.map((a) => a.state)).toEqual([AgentState.AGENT_STATE_LOST]);

      await fleet.agent("store-2");
      expect(await fleet.unary(getHost, { uri })).toMatchObject({ name: "store-2" });
    }, 60_000);
  });

  it("remembers a host whose agent was stopped, until it is back", async () => {
    const uri = "test://store-3/default";
    const agent = await fleet.agent("store-3");
    await agent.kill("SIGTERM");
    await fleet.until((agents) => agents.some((a) => a.host === "store-3" && a.left === true));
    expect(await refusal(uri)).toEqual({
      reason: "HOST_GONE",
      message: expect.stringMatching(
        /^store-3 is out of reach: its agent was stopped \d+ s ago; its guests may well run on$/,
      ),
    });
    await fleet.agent("store-3");
    expect(await fleet.unary(getHost, { uri })).toMatchObject({ name: "store-3" });
  }, 60_000);

  it("goes on to send calls while NATS is away", async () => {
    await fleet.nats.kill("SIGKILL");
    const uri = "test://host-a/default";
    // Longer than a lease: nobody is lost because nobody can renew.
    await new Promise((resolve) => setTimeout(resolve, LEASE_MS + 500));
    expect(await fleet.unary(getHost, { uri })).toMatchObject({ name: "host-a" });
    await fleet.nats.restart();
    await fleet.mesh.whenConnected(AbortSignal.timeout(20_000));
    expect(await fleet.unary(getHost, { uri })).toMatchObject({ name: "host-a" });
  }, 60_000);
});
