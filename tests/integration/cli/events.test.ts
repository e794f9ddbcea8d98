import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";
import { Cli, testGuest } from "./cli.ts";

const HOST_A = "test://host-a/default";

describe("event on the command line", () => {
  let mesh: RunningMesh;
  let cli: Cli;

  beforeAll(async () => {
    mesh = await startMesh({ agents: "test", hosts: ["host-a"] });
    cli = Cli.of(mesh);
    await cli.run(["-c", HOST_A, "define", "-"], testGuest("web"));
  }, 60_000);
  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]();
  }, 60_000);

  it("prints what happens, once, from where a token says", async () => {
    // --json says `synced` when the subscription stands: only then may something happen.
    using first = cli.start(["--json", "event", "--loop"]);
    await first.out(/"synced"/);
    await cli.ok("start", "web");
    const text = await first.out(/LIFECYCLE_EVENT_TYPE_STARTED.*\n/);
    first.interrupt();
    await first.ended;
    const started = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { resumeToken: string; event?: { lifecycle?: { type: string } } })
      .find((message) => message.event?.lifecycle?.type === "LIFECYCLE_EVENT_TYPE_STARTED");
    await cli.ok("suspend", "web");
    await cli.ok("resume", "web");
    // Both happened while nobody listened; the token brings them back.
    const from = started?.resumeToken ?? "";
    using again = cli.start(["event", "--loop", "--event", "lifecycle", "--from", from]);
    const replay = await again.out(
      /'lifecycle' for domain 'web' on test:\/\/host-a\/default: suspended.*\n(.*\n)*.*resumed/,
    );
    again.interrupt();
    await again.ended;
    expect(replay).not.toContain("started");
  });

  it("ends after one event without --loop", async () => {
    using one = cli.start(["--json", "event", "web", "-c", HOST_A]);
    await one.out(/"synced"/);
    await cli.ok("suspend", "web");
    expect(await one.ended).toMatchObject({
      code: 0,
      out: expect.stringContaining("LIFECYCLE_EVENT_TYPE_SUSPENDED"),
    });
    await cli.ok("resume", "web");
  });

  it("says that nothing happened in time, with a status of its own", async () => {
    const result = await cli.run(["event", "--event", "guest-panic", "--timeout", "0.2"]);
    expect(result).toMatchObject({ code: 9, out: "" });
    expect(result.err).toContain("nothing happened within 0.2 s");
  });

  it("lists the classes there are", async () => {
    expect((await cli.ok("event", "--list")).split("\n")).toEqual(
      expect.arrayContaining(["lifecycle", "block-job", "migration"]),
    );
  });
});
