import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";
import { Cli, testGuest } from "./cli.ts";

const HOST_A = "test://host-a/default";

describe("the command line, with what changes a guest", () => {
  let mesh: RunningMesh;
  let cli: Cli;
  let work: string;

  beforeAll(async () => {
    mesh = await startMesh({ agents: "test" });
    cli = Cli.of(mesh);
    work = await mkdtemp(join(tmpdir(), "virtmesh-cli-"));
    await cli.run(["-c", HOST_A, "define", "-"], testGuest("web", { disk: "/images/web" }));
    await cli.ok("start", "web");
  }, 60_000);
  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]();
    await rm(work, { recursive: true });
  }, 60_000);

  it("attaches disks and takes them away, where it is told to", async () => {
    expect(await cli.ok("attach-disk", "web", "/images/b", "vdb", "--live")).toBe("Disk 'vdb' attached\n");
    expect(await cli.ok("domblklist", "web")).toContain("/images/b");
    expect(await cli.ok("dumpxml", "web", "--inactive")).not.toContain("/images/b");
    expect(await cli.ok("detach-disk", "web", "vdb")).toBe("Disk 'vdb' detached\n");
    expect(await cli.run(["detach-disk", "web", "vdb"])).toMatchObject({
      code: 3,
      err: expect.stringContaining("reason: DEVICE_NOT_FOUND"),
    });
  });

  it("says what a definition would change", async () => {
    expect(await cli.ok("domdiff", "web", "--json")).toBe('{"changes":[]}\n');
    const file = join(work, "web.xml");
    const xml = await cli.ok("dumpxml", "web", "--inactive");
    await writeFile(
      file,
      xml.replace("<name>", "<title>The web</title><name>").replace("/images/web", "/images/new"),
    );
    const said = await cli.ok("domdiff", "web", file);
    expect(said).toMatch(/^Can change while it runs:\n {2}\+ title The web\nChanges at the next start:\n/);
    expect(said).toContain("/source/file /images/web -> /images/new\n");
  });

  it("takes any device as libvirt's XML", async () => {
    const file = join(work, "rng.xml");
    await writeFile(
      file,
      "<rng model='virtio'><backend model='random'>/dev/urandom</backend><alias name='ua-r'/></rng>",
    );
    expect(await cli.ok("attach-device", "web", file, "--persistent")).toBe("Device attached\n");
    expect(await cli.ok("dumpxml", "web")).toContain("ua-r");
    expect(await cli.ok("detach-device-alias", "web", "ua-r", "--live")).toBe("Device 'ua-r' detached\n");
    expect(await cli.ok("detach-device", "web", file, "--config")).toBe("Device detached\n");
  });

  it("attaches network cards, and asks which one is meant", async () => {
    for (const mac of ["52:54:00:00:00:01", "52:54:00:00:00:02"])
      await cli.ok("attach-interface", "web", "network", "default", "--mac", mac);
    const unclear = await cli.run(["detach-interface", "web", "network"]);
    expect(unclear).toMatchObject({ code: 2, err: expect.stringContaining("say which with --mac") });
    expect(await cli.ok("detach-interface", "web", "network", "--mac", "52:54:00:00:00:02")).toContain(
      "detached",
    );
    expect(await cli.ok("domifaddr", "web")).toMatch(/eth0 +52:54:00:00:00:01 +ipv4 +192\.0\.2\.1\/24/);
  });

  it("puts media into drives", async () => {
    const file = join(work, "cd.xml");
    await writeFile(
      file,
      "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>",
    );
    await cli.ok("attach-device", "web", file);
    expect(await cli.ok("change-media", "web", "sda", "/iso/a", "--insert")).toBe(
      "Medium changed in 'sda'\n",
    );
    expect(await cli.ok("domblklist", "web")).toContain("/iso/a");
    expect(await cli.ok("change-media", "web", "sda", "--eject")).toBe("Medium ejected from 'sda'\n");
    expect(await cli.run(["change-media", "web", "sda", "--eject"])).toMatchObject({ code: 4 });
    expect(await cli.run(["change-media", "web", "vda", "--eject"])).toMatchObject({ code: 2 });
  });

  it("gives memory and CPUs in virsh's units", async () => {
    expect(await cli.ok("setmem", "web", "131072")).toBe("Domain 'web' has 128 MiB of memory\n");
    expect(await cli.ok("dominfo", "web")).toMatch(/Used memory: +128 MiB/);
    expect(await cli.run(["setmem", "web", "2GiB"])).toMatchObject({ code: 2 });
    expect(await cli.ok("setvcpus", "web", "4", "--maximum", "--config")).toBe(
      "Domain 'web' can have 4 CPU(s)\n",
    );
    expect(await cli.run(["setmaxmem", "web", "1GiB", "--live"])).toMatchObject({ code: 2 });
    expect(await cli.run(["setmem", "web", "64MiB", "--current", "--live"])).toMatchObject({ code: 2 });
  });

  it("makes snapshots, shows their tree and returns to one", async () => {
    expect(await cli.ok("snapshot-create-as", "web", "one", "first of all")).toBe(
      "Domain snapshot one created\n",
    );
    await cli.run(["snapshot-create", "web", "-"], "<domainsnapshot><name>two</name></domainsnapshot>");
    expect(await cli.ok("snapshot-list", "web", "--tree")).toBe("one\n  `- two\n");
    expect(await cli.ok("snapshot-current", "web", "--name")).toBe("two\n");
    expect(await cli.ok("snapshot-info", "web", "one")).toMatch(/Description: +first of all/);
    expect(await cli.ok("snapshot-revert", "web", "one", "--paused")).toBe("Domain reverted to snapshot\n");
    expect(await cli.ok("domstate", "web")).toBe("paused\n");
    expect(await cli.ok("snapshot-dumpxml", "web", "two")).toContain("<name>two</name>");
    expect(await cli.run(["snapshot-delete", "web"])).toMatchObject({ code: 2 });
    expect(await cli.ok("snapshot-delete", "web", "one", "--children")).toBe("Domain snapshot one deleted\n");
    expect(await cli.ok("snapshot-list", "web", "--name")).toBe("");
  });

  it("saves a guest and lets it go on", async () => {
    await cli.ok("resume", "web").catch(() => "");
    expect(await cli.ok("save", "web", "/saved/web")).toBe("Domain 'web' saved to /saved/web\n");
    expect(await cli.ok("domstate", "web", "--reason")).toBe("shut off (saved)\n");
    expect(await cli.ok("-c", HOST_A, "save-image-dumpxml", "/saved/web")).toContain("<name>web</name>");
    expect(await cli.ok("-c", HOST_A, "restore", "/saved/web")).toBe("Domain restored from /saved/web\n");
    expect(await cli.ok("managedsave", "web", "--paused")).toBe("Domain 'web' state saved\n");
    expect(await cli.run(["undefine", "web"])).toMatchObject({ code: 4 });
    await cli.ok("start", "web");
    expect(await cli.ok("domstate", "web")).toBe("paused\n");
    await cli.ok("managedsave", "web");
    expect(await cli.ok("managedsave-remove", "web")).toContain("Removed the saved state");
    expect(await cli.ok("dominfo", "web")).toMatch(/Managed save: +no/);
  });

  it("turns definitions into the hypervisor's own form and back", async () => {
    expect(await cli.ok("-c", HOST_A, "domxml-formats")).toContain("test-lines");
    const config = await cli.ok("domxml-to-native", "test-lines", `${HOST_A}/web`);
    expect(config).toMatch(/^name web\n/);
    const back = await cli.run(["-c", HOST_A, "domxml-from-native", "test-lines", "-"], config);
    expect(back.out).toContain("<name>web</name>");
    const wrong = await cli.run(["-c", HOST_A, "domxml-from-native", "test-lines", "-"], "nonsense 1\n");
    expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining("line 1") });
  });

  it("says in JSON what an operation answered", async () => {
    const answer = await cli.json("setmem", "web", "64MiB", "--config");
    expect(answer).toMatchObject({ done: true, response: { name: "web", memoryBytes: "67108864" } });
  });
});
