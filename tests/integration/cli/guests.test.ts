import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { repositoryRoot } from "@virtmesh/lab/repository";
import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";
import { Cli, testGuest } from "./cli.ts";

const HOST_A = "test://host-a/default";

describe("the command line, with guests of two test hosts", () => {
  let mesh: RunningMesh;
  let cli: Cli;
  let work: string;

  beforeAll(async () => {
    mesh = await startMesh({ agents: "test" });
    cli = Cli.of(mesh);
    work = await mkdtemp(join(tmpdir(), "virtmesh-cli-"));
  }, 60_000);
  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]();
    await rm(work, { recursive: true });
  }, 60_000);

  it("lists the guests of every host, with the connection that serves each", async () => {
    const { domains } = (await cli.json("list", "--all")) as { domains: { name: string; uri: string }[] };
    expect(
      domains
        .filter((d) => d.name === "test")
        .map((d) => d.uri)
        .sort(),
    ).toEqual([HOST_A, "test://host-b/default"]);
    const table = await cli.ok("list", "--all");
    expect(table).toMatch(/^ Host +Id +Name +State/);
    expect(table).toContain("test://host-b/default");
  });

  it("lists one connection as virsh does", async () => {
    expect(await cli.ok("-c", HOST_A, "list", "--all")).toMatch(/^ Id +Name +State\n-+\n/);
  });

  it("asks which host is meant when a name is on two", async () => {
    const result = await cli.run(["dominfo", "test"]);
    expect(result).toMatchObject({ code: 4, out: "" });
    expect(result.err).toContain('"test" is on 2 hosts:');
    expect(result.err).toContain(`${HOST_A}/test`);
    expect(result.err).toContain("reason: AMBIGUOUS_HOST");
    expect(await cli.ok("domname", `${HOST_A}/test`)).toBe("test\n");
  });

  it("takes a guest through its life", async () => {
    const file = join(work, "life.xml");
    await writeFile(file, testGuest("life"));
    expect(await cli.ok("-c", HOST_A, "define", file)).toBe(`Domain 'life' defined from ${file}\n`);
    expect(await cli.ok("domstate", "life")).toBe("shut off\n");
    expect(await cli.ok("start", "life", "--paused")).toBe("Domain 'life' started, paused\n");
    expect(await cli.ok("domstate", "life")).toBe("paused\n");
    expect(await cli.ok("resume", "life")).toBe("Domain 'life' resumed\n");
    expect(await cli.ok("suspend", "life")).toBe("Domain 'life' suspended\n");
    expect(await cli.ok("resume", "life")).toBe("Domain 'life' resumed\n");
    expect(await cli.ok("autostart", "life")).toBe("Domain 'life' starts with its host\n");
    expect(await cli.ok("shutdown", "life", "--wait")).toBe("Domain 'life' is shut down\n");
    expect(await cli.ok("domstate", "life", "--reason")).toBe("shut off (shutdown)\n");
    expect(await cli.ok("undefine", "life")).toBe("Domain 'life' has been undefined\n");
    expect(await cli.run(["dominfo", "life"])).toMatchObject({ code: 3, out: "" });
  });

  it("shows what a guest is made of", async () => {
    await cli.run(["-c", HOST_A, "create", "-"], testGuest("made", { disk: "/images/made.qcow2" }));
    const uuid = (await cli.ok("domuuid", "made")).trim();
    expect(uuid).toMatch(/^[0-9a-f-]{36}$/);
    expect(await cli.ok("domname", uuid)).toBe("made\n");
    expect(await cli.ok("domblklist", "made", "--details")).toMatch(
      /file +disk +vda +\/images\/made\.qcow2 +qcow2/,
    );
    expect(await cli.ok("dominfo", "made")).toMatch(/^State: +running$/m);
    expect(await cli.ok("domstats", "made")).toMatch(/^ {2}block\.0\.name=vda$/m);
    expect(await cli.ok("vncdisplay", "made")).toBe("127.0.0.1:7\n");
    expect(Number(await cli.ok("domid", "made"))).toBeGreaterThan(0);
    expect(await cli.ok("blockjob", "made")).toMatch(/^ Disk +Job/);
    await cli.ok("destroy", "made");
  });

  it("reads back the definition that it printed", async () => {
    const xml = await cli.ok("dumpxml", `${HOST_A}/test`, "--inactive");
    expect(xml).toContain("<name>test</name>");
    expect(await cli.run(["-c", HOST_A, "define", "-"], xml)).toMatchObject({
      code: 0,
      out: "Domain 'test' defined from -\n",
    });
  });

  it("checks a definition without taking it", async () => {
    const result = await cli.run(["-c", HOST_A, "define", "-", "--check"], testGuest("unseen"));
    expect(result).toMatchObject({ code: 0, out: "Domain 'unseen' could be defined from -\n" });
    expect(await cli.run(["domstate", "unseen"])).toMatchObject({ code: 3 });
  });

  it("names the place in a document that is wrong", async () => {
    const result = await cli.run(
      ["-c", HOST_A, "define", "-"],
      "<domain type='test'><name>x</name><memory>1024</memory><vcpu>none</vcpu></domain>",
    );
    expect(result.code).toBe(2);
    expect(result.err).toMatch(/^error: .*vcpu/m);
  });

  it("answers with JSON on request, errors too", async () => {
    expect(await cli.json("dominfo", `${HOST_A}/test`)).toMatchObject({
      name: "test",
      host: "host-a",
      state: expect.stringMatching(/^DOMAIN_STATE_/),
    });
    const result = await cli.run(["--json", "start", "nobody"]);
    expect(result.code).toBe(3);
    expect(JSON.parse(result.err)).toMatchObject({
      error: { code: "NOT_FOUND", reason: "DOMAIN_NOT_FOUND" },
    });
  });

  it("types into the console and prints what comes back, until Ctrl-]", async () => {
    await cli.run(["-c", HOST_A, "create", "-"], testGuest("talker"));
    using session = cli.start(["console", "talker"]);
    session.stdin.write("hello, guest\r");
    await session.out(/hello, guest/);
    session.stdin.write("\u001d");
    expect(await session.ended).toMatchObject({ code: 0 });
    await cli.ok("destroy", "talker");
  });

  it("writes the picture of a screen to a file", async () => {
    await cli.run(["-c", HOST_A, "create", "-"], testGuest("painter"));
    const file = join(work, "screen.png");
    expect(await cli.ok("screenshot", "painter", file)).toBe(
      `Screenshot of 'painter' saved to ${file}, image/png\n`,
    );
    expect((await readFile(file)).subarray(0, 4)).toEqual(Buffer.from([0x89, 0x50, 0x4e, 0x47]));
    await cli.ok("destroy", "painter");
  });

  it("shows the hosts and agents of the fleet", async () => {
    expect(await cli.ok("agents")).toMatch(/host-a +test +alive/);
    expect(await cli.ok("hosts")).toMatch(/host-b +test/);
    expect(await cli.ok("-c", HOST_A, "nodeinfo")).toMatch(/^Host: +host-a$/m);
    expect(await cli.ok("-c", HOST_A, "capabilities")).toContain("<capabilities>");
    expect(await cli.ok("-c", HOST_A, "uri")).toBe(`${HOST_A}\n`);
    expect(await cli.ok("-c", HOST_A, "version")).toMatch(/^Running hypervisor: +test/m);
  });

  it("works the same against an agent, without the gateway", async () => {
    const agent = new Cli(mesh.hosts[0]?.agent.address ?? "", mesh.clientTlsDir);
    expect(await agent.ok("-c", HOST_A, "list", "--all")).toMatch(/ test +/);
    expect(await agent.ok("agents", "-c", HOST_A)).toMatch(/host-a +test/);
  });

  it("says which gateway does not answer", async () => {
    const result = await new Cli("localhost:1").run(["list"]);
    expect(result).toMatchObject({ code: 5, out: "" });
    expect(result.err).toMatch(/^error: localhost:1 does not answer/);
    expect(result.err).toContain("hint: is a gateway running there?");
  });

  it("draws the list again when something happens", async () => {
    using watch = cli.start(["-c", HOST_A, "list", "--watch"]);
    await watch.out(/Id +Name/);
    await cli.run(["-c", HOST_A, "create", "-"], testGuest("newcomer"));
    await watch.out(/newcomer +running/);
    watch.interrupt();
    expect(await watch.ended).toMatchObject({ code: 6 });
    await cli.ok("destroy", "newcomer");
  });

  it("completes the names of guests and connections from the mesh", async () => {
    const { out } = await cli.run(["__complete", "--", "start", "test://host-a/default/te"]);
    expect(out.split("\n")).toContain(`${HOST_A}/test`);
    expect((await cli.run(["__complete", "--", "migrate", "x", "test://host-"])).out).toBe(
      `${HOST_A}\ntest://host-b/default\n`,
    );
    expect((await cli.run(["__complete", "--", "define", ""])).out).toBe(":files\n");
  });

  it("completes in bash, which splits a URI at its colon", async () => {
    const script = [
      'eval "$(virtmesh completion bash)"',
      'COMP_LINE="virtmesh migrate x test://host-b" COMP_POINT=32',
      "COMP_WORDS=(virtmesh migrate x test : //host-b) COMP_CWORD=5",
      "_virtmesh",
      'echo "${COMPREPLY[@]}"',
    ].join("\n");
    const env = {
      ...cli.env,
      PATH: `${join(repositoryRoot(), "clients/cli/bin")}:${process.env["PATH"] ?? ""}`,
    };
    const { stdout } = await promisify(execFile)("bash", ["-c", script], { env });
    expect(stdout).toBe("//host-b/default\n");
  });
});
