import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";
import { Cli } from "./cli.ts";

const A = "test://host-a/default";
const B = "test://host-b/default";

function guestXml(name: string, faults = ""): string {
  return `<domain type='test'><name>${name}</name>
    <metadata><test:faults xmlns:test="https://virtmesh.dev/test/1">${faults}</test:faults></metadata>
    <memory unit='MiB'>1</memory><os><type>hvm</type></os><devices/></domain>`;
}

describe("virtmesh host", () => {
  let mesh: RunningMesh;
  let cli: Cli;
  beforeAll(async () => {
    mesh = await startMesh({ agents: "test" });
    cli = Cli.of(mesh);
    // The guest that every test host has would be in the way of its like.
    for (const host of [A, B]) {
      await cli.ok("-c", host, "destroy", "test");
      await cli.ok("-c", host, "undefine", "test");
    }
  }, 60_000);
  afterAll(() => mesh[Symbol.asyncDispose](), 60_000);
  afterEach(() => cli.ok("host", "uncordon", "host-a"));

  async function running(host: string, name: string, faults = ""): Promise<void> {
    expect(await cli.run(["-c", host, "define", "-"], guestXml(name, faults))).toMatchObject({ code: 0 });
    await cli.ok("-c", host, "start", name);
  }

  it("says what a drain would do, then does it, and the host stays cordoned", async () => {
    await running(A, "one");
    await running(A, "two");
    const plan = await cli.ok("host", "drain", "host-a", "--dry-run");
    expect(plan).toMatch(/^ one +running +test:\/\/host-b\/default +host-b keeps \d+ MiB free$/m);
    const result = await cli.run(["host", "drain", "host-a", "--to", "test://host-b/*", "--parallel", "1"]);
    expect(result).toMatchObject({
      code: 0,
      out: `2 guests have left ${A}; it stays cordoned until \`virtmesh host uncordon\`\n`,
    });
    expect(result.err).toMatch(
      /^one moving to host-b\none moved to host-b\ntwo moving to host-b\ntwo moved to host-b$/m,
    );
    expect(await cli.ok("agents")).toMatch(/host-a +test +alive, cordoned/);
    expect(await cli.json("host", "drain", B, "--dry-run")).toMatchObject({
      done: true,
      response: {
        guests: [{ domainName: "one", reason: "LIMIT_REACHED" }, { domainName: "two" }],
        passedOver: ["host-a is cordoned"],
      },
    });
    for (const name of ["one", "two"]) await cli.ok("-c", B, "destroy", name);
    for (const name of ["one", "two"]) await cli.ok("-c", B, "undefine", name);
  });

  it("cancels a drain on Ctrl-C, waits for its exact end and lists what is left", async () => {
    await running(A, "slow", '<test:delay method="migration.memory" ms="600000"/>');
    using drain = cli.start(["host", "drain", "host-a"]);
    await drain.err(/slow moving to host-b/);
    expect(await cli.ok("operations")).toMatch(/drain +test:\/\/host-a\/default .* 0 of 1 moved, 1 moving/);
    drain.interrupt();
    const result = await drain.ended;
    expect(result.code).toBe(6);
    expect(result.err).toContain("waiting until it is certain what runs where");
    expect(result.err).toMatch(
      /^ {2}OPERATION_ABORTED slow: .*the guest is on test:\/\/host-a\/default, as before/m,
    );
    expect(await cli.json("dominfo", "slow")).toMatchObject({ uri: A, state: "DOMAIN_STATE_RUNNING" });
    await cli.ok("destroy", "slow");
    await cli.ok("undefine", "slow");
  });

  it("keeps new guests away, with the reason", async () => {
    expect(await cli.ok("host", "cordon", "host-a", "--reason", "a new disk")).toBe(
      "host-a takes no new guests\n",
    );
    const refused = await cli.run(["-c", A, "define", "-"], guestXml("late"));
    expect(refused.code).toBe(4);
    expect(refused.err).toMatch(
      /^error: host-a takes no new guests since .* \(a new disk\); uncordon it, or choose another host$/m,
    );
    expect(await cli.ok("host", "uncordon", "host-a")).toBe("host-a takes new guests\n");
  });

  it("shows and changes the limits of migrations", async () => {
    expect(await cli.ok("host", "limits", "host-a")).toMatch(/^Outgoing: +4 at once, 0 now, 0 waiting$/m);
    expect(await cli.ok("host", "limits", "host-a", "--outgoing", "2", "--link-bandwidth", "100")).toMatch(
      /^Link bandwidth: +100 MiB\/s$/m,
    );
    expect(await cli.json("host", "limits", "host-a")).toMatchObject({
      outgoing: 2,
      incoming: 4,
      linkBandwidthBytesPerSecond: "104857600",
    });
    expect(await cli.run(["host", "limits", "host-a", "--outgoing", "0"])).toMatchObject({ code: 2 });
  });

  it("refuses an option that means nothing to what is asked", async () => {
    const result = await cli.run(["host", "cordon", "host-a", "--to", "test://host-b/*"]);
    expect(result).toMatchObject({
      code: 2,
      err: expect.stringContaining("--to means nothing to `host cordon`"),
    });
  });
});
