import { Scope } from "@virtmesh/kit/scope";
import { openGateway } from "../../contract/gateway.ts";
import { Cli } from "../cli/cli.ts";
import { startTwoHosts } from "./two-hosts.ts";

jest.setTimeout(120_000);

describe("virtmesh at hyperv:///", () => {
  const scope = new Scope();
  let cli: Cli;
  beforeAll(async () => {
    const { agents } = scope.own(await startTwoHosts());
    cli = new Cli(scope.own(await openGateway(agents.nats, "host-a")).address);
  }, 60_000);
  afterAll(() => scope[Symbol.asyncDispose]());

  it("shows pools and disks, makes one, and lets no disk go that a guest has", async () => {
    const at = ["-c", "hyperv://host-a/"];
    expect(await cli.ok(...at, "pool-list")).toContain("default");
    expect(await cli.ok(...at, "vol-create-as", "default", "data.vhdx", "64MiB")).toContain("data.vhdx");
    expect(await cli.ok(...at, "vol-list", "default")).toContain("data.vhdx");
    const refused = await cli.run([...at, "vol-delete", "web.vhdx", "--pool", "C:\\VMs"]);
    expect(refused.err).toContain('a disk of guest "web"');
  });

  it("says why there is no console, and what to use", async () => {
    const { err } = await cli.run(["console", "hyperv://host-a/web"]);
    expect(err).toContain("use vmconnect on Windows");
  });

  it("shows numbers of a guest, and none that the host does not tell", async () => {
    const stats = await cli.ok("domstats", "hyperv://host-a/web");
    expect(stats).toMatch(/cpu\.time=\d+/);
    expect(stats).toMatch(/block\.0\.rd\.bytes=\d+/);
    expect(stats).not.toContain("rd.times");
  });

  it("moves a disk of a guest, and then the guest with its disks", async () => {
    const moved = [
      "blockcopy",
      "hyperv://host-a/web",
      "hda",
      "D:\\fast\\web.vhdx",
      "--pivot",
      "--remove-source",
    ];
    expect(await cli.run(moved)).toMatchObject({ code: 0 });
    expect(await cli.ok("domblklist", "hyperv://host-a/web")).toContain("D:\\fast\\web.vhdx");
    const migrated = [
      "migrate",
      "hyperv://host-a/web",
      "hyperv://host-b/",
      "--copy-storage-all",
      "--plaintext",
    ];
    expect(await cli.run(migrated)).toMatchObject({ code: 0 });
    expect(await cli.ok("domstate", "hyperv://host-b/web")).toContain("running");
    expect((await cli.run(["domstate", "hyperv://host-a/web"])).err).toContain("web");
  });
});
