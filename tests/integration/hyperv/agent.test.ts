import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DomainServiceService as D, DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { HostServiceService } from "@virtmesh/api/gen/virtmesh/v1/host";
import { type HypervSimulator, startHypervSimulator } from "@virtmesh/lab/hyperv-simulator";
import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";

jest.setTimeout(120_000);

describe("the hyperv-agent, started by its flags, behind the gateway", () => {
  let dir: string;
  let host: HypervSimulator;
  let mesh: RunningMesh;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "virtmesh-hyperv-agent-"));
    host = await startHypervSimulator();
    const [passwordFile, caFile] = [join(dir, "password"), join(dir, "ca.pem")];
    await writeFile(passwordFile, `${host.password}\n`);
    await writeFile(caFile, host.ca);
    mesh = await startMesh({
      agents: "hyperv",
      hosts: ["hv-a"],
      agentArguments: [
        ...["--server", `${host.host}:${host.port}`, "--server-ca", caFile],
        ...["--user", host.user, "--password-file", passwordFile],
      ],
    });
  }, 590_000);
  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]();
    await host?.[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  });

  it("serves the guests of its host by hyperv://HOST/", async () => {
    const uri = "hyperv://hv-a/";
    const { domains } = await mesh.unary(D.listDomains, {
      ...{ uri, pageSize: 0, pageToken: "", filter: "", orderBy: "name" },
    });
    expect(domains.map(({ name, state }) => [name, state])).toEqual([
      ["db-1", DomainState.DOMAIN_STATE_SHUTOFF],
      ["web-1", DomainState.DOMAIN_STATE_RUNNING],
    ]);
    const started = await mesh.unary(D.startDomain, {
      ...{ uri, requestId: "", domain: "db-1", paused: false, forceBoot: false },
    });
    expect(started).toMatchObject({ uri, state: DomainState.DOMAIN_STATE_RUNNING });
    expect((await mesh.unary(HostServiceService.getHost, { uri })).notes).toContain(
      "events are pushed by the host",
    );
  });
});
