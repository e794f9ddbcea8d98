import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";
import { Cli, testGuest } from "./cli.ts";

const HOST = "test://host-a/default";
const SLOW = `<test:faults xmlns:test="https://virtmesh.dev/test/1"><test:delay method="diskMoves.move" ms="600000"/></test:faults>`;

describe("blockcopy on the command line", () => {
  let mesh: RunningMesh;
  let cli: Cli;

  beforeAll(async () => {
    mesh = await startMesh({ agents: "test", hosts: ["host-a"] });
    cli = Cli.of(mesh);
  }, 60_000);
  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]();
  }, 60_000);

  async function running(name: string, metadata?: string): Promise<void> {
    const xml = testGuest(name, {
      disk: `/old/${name}.qcow2`,
      ...(metadata === undefined ? {} : { metadata }),
    });
    expect(await cli.run(["-c", HOST, "define", "-"], xml)).toMatchObject({ code: 0 });
    await cli.ok("start", name);
  }

  it("moves a disk, and says where it is and what became of the old image", async () => {
    await running("mover");
    const result = await cli.run([
      "blockcopy",
      "mover",
      "vda",
      "/new/mover.qcow2",
      "--pivot",
      "--remove-source",
    ]);
    expect(result).toMatchObject({
      code: 0,
      out: "disk vda of 'mover' is /new/mover.qcow2 now; /old/mover.qcow2 is removed\n",
    });
    expect(await cli.ok("domblklist", "mover")).toContain("/new/mover.qcow2");
  });

  it("refuses a copy that the guest would not use, a place that is taken, and a disk that is not there", async () => {
    await running("keeper");
    const said = async (...words: string[]): Promise<string> => {
      const { code, err } = await cli.run(["blockcopy", "keeper", ...words]);
      expect(code).not.toBe(0);
      return err;
    };
    expect(await said("vda", "/new/keeper.qcow2")).toContain("--pivot must be given");
    expect(await said("vda", "/old/keeper.qcow2", "--pivot")).toContain("exists already");
    expect(await said("vda", "keeper.qcow2", "--pivot")).toContain("no absolute path");
    expect(await said("vdz", "/new/keeper.qcow2", "--pivot")).toContain("no disk vdz");
    expect(await said("vda", "/new/x", "--pivot", "--format", "vmdk")).toContain("raw, qcow2");
    expect(await cli.ok("domblklist", "keeper")).toContain("/old/keeper.qcow2");
  });

  it("completes the disks that the guest has", async () => {
    await running("typed");
    const complete = async (...words: string[]): Promise<string> =>
      (await cli.run(["__complete", "--", "blockcopy", ...words])).out;
    expect(await complete("typed", "")).toBe("vda\n");
    expect(await complete(`${HOST}/typed`, "v")).toBe("vda\n");
    expect(await complete("typed", "sd")).toBe("");
    expect(await complete("nobody", "")).toBe("");
  });

  it("cancels on Ctrl-C, and says where the disk is", async () => {
    await running("slow", SLOW);
    using copy = cli.start(["blockcopy", "slow", "vda", "/new/slow.qcow2", "--pivot"]);
    await held("slow");
    copy.interrupt();
    const { code, err } = await copy.ended;
    expect(code).not.toBe(0);
    expect(err).toMatch(/^error: .*cancelled/m);
    expect(await cli.ok("domblklist", "slow")).toContain("/old/slow.qcow2");
  });

  it("leaves a detached move to `operations`, and refuses what else would change the guest", async () => {
    await running("lonely", SLOW);
    const name = (
      await cli.ok("blockcopy", "lonely", "vda", "/new/lonely.qcow2", "--pivot", "--detach")
    ).trim();
    expect(name).toMatch(/^operations\/[0-9a-f-]{36}$/);
    expect(await cli.ok("operations")).toMatch(/move-disk +lonely/);
    expect((await cli.run(["suspend", "lonely"])).err).toContain(`wait for ${name} or cancel it`);
    await cli.ok("operations", "cancel", name);
    await cli.run(["operations", "wait", name]);
    expect(await cli.ok("domblklist", "lonely")).toContain("/old/lonely.qcow2");
    await cli.ok("suspend", "lonely");
  });

  /** Its agent works on the disk. */
  async function held(guest: string): Promise<void> {
    const signal = AbortSignal.timeout(60_000);
    while (!/move-disk/.test(await cli.ok("operations"))) signal.throwIfAborted();
    expect(await cli.ok("operations")).toContain(guest);
  }
});
