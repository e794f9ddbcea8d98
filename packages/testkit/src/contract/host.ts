import { AgentServiceService, AgentState } from "@virtmesh/api/gen/virtmesh/v1/agent";
import { HostServiceService } from "@virtmesh/api/gen/virtmesh/v1/host";
import { needing, sharedSubject, type SubjectKind } from "./subject.ts";

/** What every driver's host says of itself. */
export function hostContract(kind: SubjectKind): void {
  describe(`hosts (${kind.name})`, () => {
    const subject = sharedSubject(kind);
    const needs = needing(subject);

    it("say what machine and hypervisor they are", async () => {
      const { client, uri, host } = subject();
      const found = await client.unary(HostServiceService.getHost, { uri });
      expect(found).toMatchObject({ uri, name: host });
      expect(found.uuid).toMatch(/^[0-9a-f-]{32,36}$/);
      expect(found.hypervisorVersion).toMatch(/^\d+\.\d+/);
      expect(found.architecture).not.toBe("");
      expect(found.cpus).toBeGreaterThan(0);
      expect(found.memoryBytes).toBeGreaterThan(found.freeMemoryBytes);
    });

    it("are reached by a URI without a host too, where only one serves it", async () => {
      const { client, uri } = subject();
      const bare = uri.replace(/\/\/[^/]*/, "//");
      expect((await client.unary(HostServiceService.getHost, { uri: bare })).uri).toBe(uri);
    });

    needs("host.capabilities")("describe what they can run as libvirt's capabilities", async () => {
      const { client, uri } = subject();
      const { xml } = await client.unary(HostServiceService.getCapabilities, { uri });
      expect(xml).toMatch(/^<capabilities>/);
      expect(xml).toContain("<domain type=");
    });

    it("have an agent that lives and can do what its driver can", async () => {
      const { client, uri, host, support } = subject();
      const agent = await client.unary(AgentServiceService.getAgent, { uri });
      expect(agent).toMatchObject({ host, uris: expect.arrayContaining([uri]) });
      expect([AgentState.AGENT_STATE_ALIVE, AgentState.AGENT_STATE_UNSPECIFIED]).toContain(agent.state);
      const { methods } = await client.unary(AgentServiceService.getSupport, { uri });
      expect(new Set(methods)).toEqual(support);
    });

    it("refuse URIs that mean somebody else, with a reason", async () => {
      const { client, uri } = subject();
      const elsewhere = uri.replace(/\/\/[^/]*/, "//nowhere");
      await expect(client.unary(HostServiceService.getHost, { uri: elsewhere })).rejects.toMatchObject({
        reason: "UNKNOWN_HOST",
      });
      await expect(
        client.unary(HostServiceService.getHost, { uri: "vbox:///session" }),
      ).rejects.toMatchObject({
        reason: "UNKNOWN_SCHEME",
      });
      await expect(client.unary(HostServiceService.getHost, { uri: "nonsense" })).rejects.toMatchObject({
        reason: "INVALID_URI",
      });
    });
  });
}
