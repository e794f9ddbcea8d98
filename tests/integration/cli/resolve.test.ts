import { join } from "node:path";
import { AgentState, FleetServiceService } from "@virtmesh/api/gen/virtmesh/v1/agent";
import { OperationMetadata, OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { Scope } from "@virtmesh/kit/scope";
import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";
import { makeRunFolder, removeRunFolder } from "@virtmesh/lab/run-folder";
import { FaultPointListener } from "../../faults/lab/listener.ts";
import { Cli, testGuest } from "./cli.ts";

const HOST_A = "test://host-a/default";
const HOST_B = "test://host-b/default";
const PATIENCE_MS = 60_000;

/** Guests that were handed to a host whose agent died before it said that they run there. */
describe("a migration whose destination does not come back, on the command line", () => {
  const scope = new Scope();
  let mesh: RunningMesh;
  let points: FaultPointListener;
  let cli: Cli;

  beforeAll(async () => {
    const dir = await makeRunFolder("vmresolve");
    scope.defer(() => removeRunFolder(dir));
    points = scope.own(await FaultPointListener.listen(join(dir, "points.sock")));
    const env = { VIRTMESH_FAULT_POINTS: points.path };
    mesh = scope.own(await startMesh({ agents: "test", env }));
    cli = Cli.of(mesh);
  }, 60_000);
  afterEach(async () => {
    await destination().agent.restart();
    await mesh.complete();
  }, 60_000);
  afterAll(() => scope[Symbol.asyncDispose](), 60_000);

  const soon = (): AbortSignal => AbortSignal.timeout(PATIENCE_MS);

  /** @returns the migration's id, when everybody knows that its destination is gone. */
  async function handedTo(name: string): Promise<string> {
    const defined = await cli.run(["-c", HOST_A, "define", "-"], testGuest(name));
    expect(defined).toMatchObject({ code: 0 });
    await cli.ok("-c", HOST_A, "start", name);
    await points.holdAt(["destination.resume"], soon());
    const operation = (await cli.ok("-c", HOST_A, "migrate", name, HOST_B, "--detach")).trim();
    await points.held(["destination.resume"], soon());
    await destination().agent.kill("SIGKILL");
    points.release();
    await saysWhatToDo(operation);
    await isLost();
    return operation.replace("operations/", "");
  }

  function destination() {
    const host = mesh.hosts.find(({ uri }) => uri === HOST_B);
    if (host === undefined) throw new Error("there is no host-b");
    return host;
  }

  async function saysWhatToDo(name: string): Promise<void> {
    const request = { uri: HOST_A, name };
    for await (const { metadata } of mesh.stream(OperationServiceService.watchOperation, request, soon())) {
      const { migration } = OperationMetadata.decode(metadata?.value ?? new Uint8Array());
      if (migration?.stuckReason.includes("virtmesh migration resolve") === true) return;
    }
    throw new Error("the migration was over before it told what can be done about it");
  }

  async function isOver(name: string): Promise<void> {
    const request = { uri: HOST_A, name };
    for await (const { done } of mesh.stream(OperationServiceService.watchOperation, request, soon()))
      if (done) return;
    throw new Error(`the stream of ${name} ended before it did`);
  }

  async function isLost(): Promise<void> {
    const signal = soon();
    for (;;) {
      const { agents } = await mesh.unary(FleetServiceService.listAgents, { uri: "" }, signal);
      const agent = agents.find(({ host }) => host === "host-b");
      if (agent === undefined || agent.state === AgentState.AGENT_STATE_LOST) return;
    }
  }

  async function comesBack(): Promise<void> {
    await destination().agent.restart();
    await mesh.complete();
  }

  /** It has a state there; undefined where nobody knows it. */
  async function stateAt(uri: string, name: string): Promise<string | undefined> {
    const { code, out } = await cli.run(["-c", uri, "domstate", name]);
    return code === 0 ? out.trim() : undefined;
  }

  it("shows what waits, each choice with what comes of it, and takes none by itself", async () => {
    const id = await handedTo("asked");
    expect(await cli.ok("migrations", "--active")).toMatch(
      new RegExp(`${id} +asked .* which does not answer; .virtmesh migration resolve. says what can be done`),
    );
    const shown = await cli.ok("migration", "resolve", id);
    expect(shown).toMatch(/^wait: the guest stands still on test:\/\/host-a\/default; /m);
    expect(shown).toMatch(/^take-back: .* what it did on host-b, if it ran there, is lost; /m);
    expect(shown).toMatch(/^ {2}not now: it must be said that the destination is switched off/m);
    expect(shown).toMatch(/^let-go: the paused copy on test:\/\/host-a\/default ends; /m);

    const unsaid = await cli.run(["migration", "resolve", id, "take-back"]);
    expect(unsaid.code).not.toBe(0);
    expect(unsaid.err).toMatch(
      /^error: this cannot be chosen: it must be said that the destination is switched off/m,
    );
    const fence = await cli.run(["host", "fence", "host-b"]);
    expect(fence.code).not.toBe(0);
    expect(fence.err).toMatch(
      /^error: asked would be taken back from host-b, and run twice if it is not off; .*--host-is-off/m,
    );
    expect(await stateAt(HOST_A, "asked")).toBe("paused");

    const waits = await cli.run(["migration", "resolve", id, "wait"]);
    expect(waits).toMatchObject({ code: 0, err: expect.stringContaining("wait: the guest stands still on") });
    expect(await stateAt(HOST_A, "asked")).toBe("paused");
    await comesBack();
    await isOver(`operations/${id}`);
    // A test host keeps nothing of a guest when its process is killed; that the copy here is gone is what counts.
    expect(await stateAt(HOST_A, "asked")).toBeUndefined();
  }, 180_000);

  it("takes a guest back when it was said that the host is off, having said what that costs", async () => {
    const id = await handedTo("taken");
    const { code, out, err } = await cli.run(["migration", "resolve", id, "take-back", "--host-is-off"]);
    expect({ code, out }).toEqual({ code: 0, out: "the migration of 'taken': take-back\n" });
    expect(err).toMatch(/^take-back: the guest goes on at .* is lost; /m);
    expect(await stateAt(HOST_A, "taken")).toBe("running");
    await comesBack();
    expect(await stateAt(HOST_B, "taken")).toBeUndefined();
  }, 180_000);

  it("lets a guest go, which runs nowhere until the host comes back", async () => {
    const id = await handedTo("gone");
    const { code, err } = await cli.run(["migration", "resolve", id, "let-go"]);
    expect(code).toBe(0);
    expect(err).toMatch(/^let-go: the paused copy on .* ends; .* runs nowhere until that comes back/m);
    expect(await stateAt(HOST_A, "gone")).not.toBe("running");
    await comesBack();
  }, 180_000);

  it("takes back every guest of a host that is fenced, naming each and what it costs", async () => {
    await handedTo("fenced");
    const { code, out, err } = await cli.run(["host", "fence", "host-b", "--host-is-off"]);
    expect({ code, out }).toEqual({ code: 0, out: `'fenced' goes on at ${HOST_A}\n` });
    expect(err).toMatch(/^'fenced': the guest goes on at .* is lost; /m);
    expect(await stateAt(HOST_A, "fenced")).toBe("running");
    expect(await cli.ok("host", "fence", "host-b", "--host-is-off")).toBe(
      "no guest is on its way to host-b: there is nothing to take back\n",
    );
    await comesBack();
    expect(await stateAt(HOST_B, "fenced")).toBeUndefined();
  }, 180_000);

  it.each([
    [
      "a migration that is not under way",
      ["migration", "resolve", crypto.randomUUID()],
      /MIGRATION_NOT_FOUND|nothing to resolve/,
    ],
    ["a choice that there is not", ["migration", "resolve", "x", "retry"], /wait, take-back, let-go/],
    ["another action", ["migration", "undo", "x"], /resolve/],
    ["no host", ["host", "fence"], /say which host is off/],
    ["an option of another action", ["host", "fence", "host-b", "--reason", "x"], /--reason/],
  ])("refuses %s", async (_, words, said) => {
    const { code, err } = await cli.run(words);
    expect(code).not.toBe(0);
    expect(err).toMatch(said);
  });
});
