import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningAgent, startAgent } from "@virtmesh/agent/agent";
import { createEsxDriver } from "@virtmesh/esx-agent/driver";
import { Scope } from "@virtmesh/kit/scope";
import { startNats } from "@virtmesh/lab/nats";
import { startVcsim, type Vcsim } from "@virtmesh/lab/vcsim";
import { openGateway } from "../../contract/gateway.ts";
import { Cli } from "../cli/cli.ts";

jest.setTimeout(120_000);

const GUEST = "ha-host_VM0";

describe("virtmesh at esx:///", () => {
  const scope = new Scope();
  let server: Vcsim;
  let cli: Cli;
  let agent: RunningAgent;
  let open: () => Promise<RunningAgent>;
  beforeAll(async () => {
    server = scope.own(await startVcsim({ kind: "host", guests: 1 }));
    const dir = await mkdtemp(join(tmpdir(), "vm-esx-"));
    scope.defer(() => rm(dir, { recursive: true, force: true }));
    const nats = scope.own(await startNats());
    const { host, port, ca, user, password } = server;
    open = () =>
      startAgent({
        ...{ host: "host-a", listen: "127.0.0.1:0", nats: { servers: [nats.url] } },
        ...{ stateDir: join(dir, "state"), runDir: join(dir, "run") },
        createDriver: ({ logger, signal }) =>
          createEsxDriver({
            ...{ endpoint: { host, port, ca }, credentials: { user, password }, path: "" },
            ...{ logger, signal },
          }),
      });
    agent = await open();
    scope.defer(async () => agent[Symbol.asyncDispose]());
    cli = new Cli(scope.own(await openGateway(nats.url, "host-a")).address);
  }, 590_000);
  afterAll(() => scope[Symbol.asyncDispose]());

  it("writes a guest as a .vmx file, and reads one", async () => {
    const xml = `<domain type='vmware'>
      <name>web</name><memory unit='MiB'>64</memory><os><type arch='x86_64'>hvm</type></os>
      <devices><controller type='scsi' index='0' model='vmpvscsi'/>
      <interface type='bridge'><source bridge='VM Network'/><model type='vmxnet3'/></interface></devices>
    </domain>`;
    expect(await cli.run(["-c", "esx://host-a/", "define", "-"], xml)).toMatchObject({ code: 0 });
    const vmx = await cli.ok("domxml-to-native", "vmware-vmx", "esx://host-a/web");
    expect(vmx).toContain('displayName = "web"\n');
    expect(vmx).toContain('scsi0.virtualDev = "pvscsi"\n');
    const back = await cli.run(["-c", "esx://host-a/", "domxml-from-native", "vmware-vmx", "-"], vmx);
    expect(back).toMatchObject({ code: 0, out: expect.stringContaining("<name>web</name>") });
    const wrong = await cli.run(
      ["-c", "esx://host-a/", "domxml-from-native", "vmware-vmx", "-"],
      "nonsense\n",
    );
    expect(wrong.code).not.toBe(0);
    expect(wrong.err).toContain('line 1: nonsense is not of the form name = "value"');
  });

  it("has its guests as they are after its agent was started again", async () => {
    // The simulator does not say since when the guests run that it begins with.
    const look = async (): Promise<string> =>
      (await cli.ok("dominfo", `esx://host-a/${GUEST}`)).replace(/Running since:.*/, "");
    const before = await look();
    await agent[Symbol.asyncDispose]();
    agent = await open();
    expect(await look()).toBe(before);
    expect(before).toContain("running");
  });

  it("takes a guest off the books, whose files stay, and registers it again from them", async () => {
    const uri = "esx://host-a/";
    const xml =
      "<domain type='vmware'><name>kept</name><memory unit='MiB'>64</memory><os><type>hvm</type></os></domain>";
    await cli.run(["-c", uri, "define", "-"], xml);
    expect(await cli.ok("undefine", "esx://host-a/kept")).toBe(
      "Domain 'esx://host-a/kept' has been undefined\n",
    );
    expect(await cli.ok("vol-list", "esx://host-a/LocalDS_0", "--filter", 'name : "kept/*"')).toContain(
      "kept/kept.vmx",
    );
    const path = "[LocalDS_0] kept/kept.vmx";
    expect(await cli.ok("-c", uri, "register", path)).toBe(`Domain 'kept' registered from ${path}\n`);
    expect((await cli.run(["-c", uri, "register", path])).code).toBe(4);
    expect((await cli.run(["-c", uri, "register", "[LocalDS_0] none/none.vmx"])).code).toBe(3);
    await cli.ok("undefine", "esx://host-a/kept");
  });

  it("says why there is no console, and what to do instead", async () => {
    const refused = await cli.run(["console", `esx://host-a/${GUEST}`]);
    expect(refused).toMatchObject({ code: 8, err: expect.stringContaining("web client") });
  });

  it("carries an image into a datastore and puts it into a drive", async () => {
    const uri = "esx://host-a/";
    expect(
      await cli.run(["vol-upload", "media/a.iso", "-", "--pool", "esx://host-a/LocalDS_0"], "iso"),
    ).toMatchObject({
      code: 0,
    });
    const drive = "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>";
    const xml = `<domain type='vmware'><name>media</name><memory unit='MiB'>64</memory><os><type>hvm</type></os><devices>${drive}</devices></domain>`;
    await cli.run(["-c", uri, "define", "-"], xml);
    await cli.ok("change-media", "esx://host-a/media", "sda", "[LocalDS_0] media/a.iso", "--config");
    expect(await cli.ok("domblklist", "esx://host-a/media")).toContain("[LocalDS_0] media/a.iso");
    await cli.ok("change-media", "esx://host-a/media", "sda", "--eject", "--config");
    expect(await cli.ok("domblklist", "esx://host-a/media")).not.toContain("a.iso");
    expect(await cli.ok("vol-download", "media/a.iso", "-", "--pool", "esx://host-a/LocalDS_0")).toBe("iso");
    await cli.ok("vol-delete", "media/a.iso", "--pool", "esx://host-a/LocalDS_0");
  });
});
