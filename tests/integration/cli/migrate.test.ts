import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";
import { Cli, testGuest } from "./cli.ts";

const HOST_A = "test://host-a/default";
const HOST_B = "test://host-b/default";

const faults = (inner: string): string =>
  `<test:faults xmlns:test="https://virtmesh.dev/test/1">${inner}</test:faults>`;

describe("migrate on the command line", () => {
  let mesh: RunningMesh;
  let cli: Cli;

  beforeAll(async () => {
    mesh = await startMesh({ agents: "test" });
    cli = Cli.of(mesh);
  }, 60_000);
  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]();
  }, 60_000);

  async function running(name: string, metadata?: string): Promise<void> {
    const xml = testGuest(name, {
      disk: `/images/${name}.qcow2`,
      ...(metadata === undefined ? {} : { metadata }),
    });
    expect(await cli.run(["-c", HOST_A, "define", "-"], xml)).toMatchObject({ code: 0 });
    await cli.ok("start", name);
  }

  it("moves a guest with its disks and says where it runs", async () => {
    await running("mover");
    const result = await cli.run(["migrate", "mover", HOST_B, "--copy-storage-all"]);
    expect(result).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^mover runs on test:\/\/host-b\/default \(took /),
    });
    expect(result.err).toMatch(/^copying disks, /m);
    expect(await cli.json("dominfo", "mover")).toMatchObject({ uri: HOST_B, state: "DOMAIN_STATE_RUNNING" });
    expect(await cli.ok("migrations")).toMatch(
      /mover +test:\/\/host-a\/default +test:\/\/host-b\/default +completed +100 %/,
    );
    expect(await cli.ok("domjobinfo", "mover")).toBe("Job type:  None\n");
  });

  it("tells what it would do with --check, and does nothing", async () => {
    await running("thinker");
    expect(await cli.ok("migrate", "thinker", HOST_B, "--copy-storage-all", "--check")).toMatch(
      /^'thinker' can be migrated\n {2}copy vda: /,
    );
    expect(await cli.json("dominfo", "thinker")).toMatchObject({ uri: HOST_A });
    await cli.ok("destroy", "thinker");
  });

  it("fails with what went wrong, and the guest stays where it was", async () => {
    await running(
      "unlucky",
      faults('<test:migration disk="vda" fail="beforeReady" message="the disk broke"/>'),
    );
    const result = await cli.run(["migrate", "unlucky", HOST_B, "--copy-storage-all"]);
    expect(result.code).toBe(6);
    expect(result.err).toMatch(/^error: .*the disk broke/m);
    expect(await cli.json("dominfo", "unlucky")).toMatchObject({
      uri: HOST_A,
      state: "DOMAIN_STATE_RUNNING",
    });
    await cli.ok("destroy", "unlucky");
  });

  it("cancels on Ctrl-C and waits until it is certain that the guest stayed", async () => {
    await running("slow", faults('<test:delay method="migration.copy" ms="600000"/>'));
    using migration = cli.start(["migrate", "slow", HOST_B, "--copy-storage-all"]);
    await migration.err(/copying disks/);
    expect(await cli.ok("domjobinfo", "slow")).toMatch(/^Phase: +copying disks$/m);
    expect(await cli.ok("operations")).toMatch(/migrate +slow/);
    await cli.ok("migrate-setspeed", "slow", "10");
    await cli.ok("migrate-setmaxdowntime", "slow", "500");
    migration.interrupt();
    const result = await migration.ended;
    expect(result.code).toBe(6);
    expect(result.err).toContain("waiting until it is certain where the guest runs");
    expect(await cli.json("dominfo", "slow")).toMatchObject({ uri: HOST_A, state: "DOMAIN_STATE_RUNNING" });
    expect(await cli.ok("domjobinfo", "slow")).toBe("Job type:  None\n");
    await cli.ok("destroy", "slow");
  });

  it("leaves a detached migration to domjobabort and operations", async () => {
    await running("lonely", faults('<test:delay method="migration.copy" ms="600000"/>'));
    const name = (await cli.ok("migrate", "lonely", HOST_B, "--copy-storage-all", "--detach")).trim();
    expect(name).toMatch(/^operations\/[0-9a-f-]{36}$/);
    using waiting = cli.start(["operations", "wait", name]);
    await cli.ok("domjobabort", "lonely");
    expect(await waiting.ended).toMatchObject({ code: 6, err: expect.stringContaining("reason: ") });
    await cli.ok("destroy", "lonely");
  });

  it("prints one JSON object a change, the last one done, with the report", async () => {
    await running("counted");
    const out = await cli.ok("--json", "migrate", "counted", HOST_B, "--copy-storage-all");
    const lines = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.at(-1)).toMatchObject({ done: true, response: { uri: HOST_B } });
    expect(lines[0]).toMatchObject({ metadata: { verb: "migrate", domainName: "counted" } });
  });

  it("goes on following when the gateway is killed and comes back", async () => {
    await running("steady", faults('<test:delay method="migration.copy" ms="8000"/>'));
    using migration = cli.start(["migrate", "steady", HOST_B, "--copy-storage-all"]);
    await migration.err(/copying disks/);
    await mesh.gateway.kill();
    await mesh.gateway.restart();
    expect(await migration.ended).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^steady runs on test:/),
    });
  });

  it("refuses to go to a host that there is not", async () => {
    await running("homebody");
    const result = await cli.run(["migrate", "homebody", "test://nowhere/default"]);
    expect(result.code).toBeGreaterThan(0);
    expect(result.err).toContain("nowhere");
    expect(await cli.json("dominfo", "homebody")).toMatchObject({
      uri: HOST_A,
      state: "DOMAIN_STATE_RUNNING",
    });
  });
});
