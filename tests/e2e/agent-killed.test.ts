import { mkdir, rm } from "node:fs/promises";
import { type Domain, DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import type { MeshHost } from "@virtmesh/lab/launcher";
import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";
import { grpcClient, type MeshClient } from "@virtmesh/testkit/client";
import { Guests, guestsSeen, hypervisorPid, short, smallGuestXml, Watching } from "./guests.ts";

const { DOMAIN_STATE_RUNNING, DOMAIN_STATE_PAUSED, DOMAIN_STATE_SHUTOFF } = DomainState;

describe("a host whose agent goes away", () => {
  let mesh: RunningMesh;
  let host: MeshHost;
  let guests: Guests;
  /** Behind the last event of what is made before each test. */
  let token: string;
  beforeEach(async () => {
    mesh = await startMesh({ hosts: ["host-a"] });
    const [only] = mesh.hosts;
    if (only === undefined) throw new Error("the mesh has no host");
    host = only;
    guests = new Guests(mesh, host.uri);
    await using watching = new Watching(mesh);
    await watching.synced();
    await guests.define(smallGuestXml("web"));
    await guests.start("web", { paused: false });
    await guests.define(smallGuestXml("still"));
    await guests.start("still");
    await guests.create(smallGuestXml("once"));
    await guests.define(smallGuestXml("off"));
    await watching.until((e) => short(e) === "off defined added");
    token = watching.token;
  }, 120_000);
  afterEach(() => mesh[Symbol.asyncDispose](), 120_000);

  const BEFORE = {
    off: [DOMAIN_STATE_SHUTOFF, true],
    once: [DOMAIN_STATE_PAUSED, false],
    still: [DOMAIN_STATE_PAUSED, true],
    web: [DOMAIN_STATE_RUNNING, true],
  };

  /** Agent to its end and back; what is given happens between. */
  async function replaceAgent(
    signal: NodeJS.Signals,
    meanwhile = async (): Promise<void> => {},
  ): Promise<void> {
    await host.agent.kill(signal);
    await meanwhile();
    await host.agent.restart();
    await mesh.complete();
  }

  async function pidOf(name: string): Promise<number> {
    return await hypervisorPid(host, (await guests.get(name)).uuid);
  }

  it.each(["SIGKILL", "SIGTERM"] as const)(
    "keeps its guests through %s, and tells nothing that did not happen",
    async (signal) => {
      const before = await guestsSeen(mesh);
      expect(states(before)).toEqual(BEFORE);
      const running = ["web", "still", "once"];
      const pids = await Promise.all(running.map(pidOf));
      await using watching = new Watching(mesh, { resumeToken: token });

      await replaceAgent(signal, async () => expect(pids.filter(isThere)).toEqual(pids));

      expect(await guestsSeen(mesh)).toEqual(before);
      expect(await Promise.all(running.map(pidOf))).toEqual(pids);
      await guests.suspend("web");
      await guests.destroy("once");
      expect((await watching.until((e) => e.domainName === "once")).map(short)).toEqual([
        "web suspended paused",
        "once stopped destroyed",
      ]);
    },
    150_000,
  );

  it("learns what happened to its guests meanwhile, and tells it to who resumes by token", async () => {
    const doomed = await Promise.all(["web", "once"].map(pidOf));
    await replaceAgent("SIGKILL", async () => {
      for (const pid of doomed) process.kill(pid, "SIGKILL");
      await Promise.all(doomed.map(ended));
    });

    expect(await guests.get("web")).toMatchObject({ state: DOMAIN_STATE_SHUTOFF, stateReason: "crashed" });
    expect(states(await guestsSeen(mesh))).toEqual({
      off: BEFORE.off,
      still: BEFORE.still,
      web: [DOMAIN_STATE_SHUTOFF, true],
    });
    await using watching = new Watching(mesh, { resumeToken: token });
    await guests.start("web");
    const told = (await watching.until((e) => short(e) === "web started booted")).map(short);
    expect(told.slice(0, 2).sort()).toEqual(["once stopped crashed*", "web stopped crashed*"]);
    expect(told.slice(2)).toEqual(["web started booted"]);
  }, 120_000);

  it("starts the guests that are to start with it at its boot only", async () => {
    await guests.autostart("off");
    await replaceAgent("SIGKILL");
    await replaceAgent("SIGTERM");
    await using watching = new Watching(mesh, { resumeToken: token });
    // Had it been started, this would be told behind it.
    await guests.resume("still");
    expect(short(await watching.event())).toBe("still resumed unpaused");
    expect((await guests.get("off")).state).toBe(DOMAIN_STATE_SHUTOFF);

    for (const name of ["web", "still", "once"]) await guests.destroy(name);
    await replaceAgent("SIGTERM", async () => {
      await rm(host.runDir, { recursive: true });
      await mkdir(host.runDir);
    });
    const told = (await watching.until((e) => e.domainName === "off")).map(short);
    expect(told.at(-1)).toBe("off started booted");
    expect(states(await guestsSeen(mesh))).toEqual({
      off: [DOMAIN_STATE_RUNNING, true],
      still: [DOMAIN_STATE_SHUTOFF, true],
      web: [DOMAIN_STATE_SHUTOFF, true],
    });
  }, 120_000);

  it("may run its guests with NATS away, out of its own journal, and tells of both its lives later", async () => {
    await mesh.nats.kill("SIGKILL");
    // The gateway sends calls on without NATS.
    await guests.suspend("web");
    await host.agent.kill("SIGKILL");
    await host.agent.restart();
    await using agent: MeshClient = grpcClient(await host.agent.connect());
    const alone = new Guests(agent, host.uri);
    expect(states(await guestsSeen(agent, host.uri))).toEqual({ ...BEFORE, web: BEFORE.still });
    expect(await alone.start("off")).toMatchObject({ state: DOMAIN_STATE_PAUSED, generation: 1n });
    expect((await alone.resume("still")).state).toBe(DOMAIN_STATE_RUNNING);
    await alone.destroy("web");
    expect((await alone.start("web", { paused: false })).state).toBe(DOMAIN_STATE_RUNNING);

    await mesh.nats.restart();
    await using watching = new Watching(mesh, { resumeToken: token });
    expect((await watching.until((e) => short(e) === "web started booted")).map(short)).toEqual([
      "web suspended paused",
      "off started booted",
      "off suspended paused",
      "still resumed unpaused",
      "web stopped destroyed",
      "web started booted",
    ]);
  }, 120_000);
});

/** State and whether it is defined, by name. */
function states(domains: readonly Domain[]): Record<string, [DomainState, boolean]> {
  return Object.fromEntries(domains.map((d) => [d.name, [d.state, d.persistent]]));
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Nobody here is its parent, so its end is only seen by looking. */
async function ended(pid: number): Promise<void> {
  while (isThere(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
}
