import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DiskMovePlace } from "@virtmesh/core/driver/disk-moves";
import { Scope } from "@virtmesh/kit/scope";
import { makeRunFolder, removeRunFolder } from "@virtmesh/lab/run-folder";
import { FaultPointListener } from "../faults/lab/listener.ts";
import { Shim } from "../faults/lab/shim.ts";
import { MovingDisk } from "./moving-disk.ts";
import { GUEST, hypervisorOf, PATIENCE_MS, TwoHosts } from "./two-hosts.ts";

/** Before the pivot is decided, a move whose agent was killed may not have begun; from then on it is done. */
const GOES_ON: readonly DiskMovePlace[] = [
  ...(["copying", "ready", "decided", "stopped", "told", "pivoted", "defined", "resumed"] as const),
];
const GOES_BACK: readonly DiskMovePlace[] = ["recorded", "made"];

/** One guest goes from test to test, and each leaves it running. */
describe("a disk that moves while things die", () => {
  const scope = new Scope();
  let hosts: TwoHosts;
  let disk: MovingDisk;
  let points: FaultPointListener;
  let shim: Shim;
  /** Where the disk is. */
  let at = "";
  let moves = 0;

  beforeAll(async () => {
    const dir = await makeRunFolder("vmmoves");
    scope.defer(() => removeRunFolder(dir));
    shim = await Shim.build(join(dir, "shim"));
    points = scope.own(await FaultPointListener.listen(join(dir, "points.sock")));
    const env = { ...shim.env, VIRTMESH_FAULT_POINTS: points.path };
    hosts = scope.own(await TwoHosts.start({ env, agentArguments: ["--qemu", shim.qemu] }));
    disk = new MovingDisk(hosts);
    await hosts.startGuest();
    at = disk.place("vda.raw");
  }, 120_000);
  afterAll(() => scope[Symbol.asyncDispose](), 60_000);

  const soon = (): AbortSignal => AbortSignal.timeout(PATIENCE_MS);
  const nextPlace = (): string => disk.place(`moved-${moves++}.raw`);

  /** Begins a move and waits until it stands at that place. */
  async function heldAt(place: DiskMovePlace, to: string): Promise<string> {
    await points.holdAt([`diskMove.${place}`], soon());
    const name = await disk.begin(to, { removeSource: true });
    await points.held([`diskMove.${place}`], soon());
    return name;
  }

  async function killAgent(): Promise<void> {
    await hosts.a.agent.kill("SIGKILL");
    points.release();
  }

  async function startAgent(): Promise<void> {
    await hosts.a.agent.restart();
    await hosts.mesh.complete();
  }

  async function killGuest(): Promise<void> {
    process.kill(await hypervisorOf(hosts.a), "SIGKILL");
  }

  async function isRunningAt(path: string): Promise<void> {
    at = path;
    await disk.isAt(path, "raw", [path.slice(hosts.a.imageDir.length + 1), "vdb.raw"]);
  }

  /** The same of one that was killed; another one takes its place. */
  async function wasRunningAt(path: string): Promise<void> {
    await disk.wasAt(path, "raw", [path.slice(hosts.a.imageDir.length + 1), "vdb.raw"]);
    await disk.guests.undefine(GUEST);
    await rm(path);
    await hosts.startGuest();
    hosts.beats.restart();
    at = disk.place("vda.raw");
  }

  it.each(GOES_ON)(
    "is at the new place when the agent is killed at %s",
    async (place) => {
      const to = nextPlace();
      const name = await heldAt(place, to);
      await killAgent();
      await startAgent();
      expect(await disk.end(name)).toMatchObject({ path: to, previousPath: at, previousRemoved: true });
      await isRunningAt(to);
    },
    150_000,
  );

  it.each(GOES_BACK)(
    "is where it was when the agent is killed at %s",
    async (place) => {
      const name = await heldAt(place, nextPlace());
      await killAgent();
      await startAgent();
      expect((await disk.failure(name)).message).toContain(`it is at ${at}, as before`);
      await isRunningAt(at);
    },
    150_000,
  );

  it.each<DiskMovePlace>(["ready", "stopped"])(
    "is where it was when QEMU is killed at %s",
    async (place) => {
      const name = await heldAt(place, nextPlace());
      await killGuest();
      points.release();
      expect((await disk.failure(name)).message).toContain(`it is at ${at}, as before`);
      await wasRunningAt(at);
    },
    150_000,
  );

  it("is where the definitions say when QEMU and agent are killed between the pivot and their change", async () => {
    const name = await heldAt("pivoted", nextPlace());
    await killAgent();
    await killGuest();
    await startAgent();
    expect((await disk.failure(name)).message).toContain(`it is at ${at}, as before`);
    await wasRunningAt(at);
  }, 150_000);

  it.each<DiskMovePlace>(["defined", "resumed"])(
    "is at the new place when QEMU and agent are killed at %s",
    async (place) => {
      const to = nextPlace();
      const name = await heldAt(place, to);
      await killAgent();
      await killGuest();
      await startAgent();
      expect(await disk.end(name)).toMatchObject({ path: to, previousRemoved: true });
      await wasRunningAt(to);
    },
    150_000,
  );

  it.each<DiskMovePlace>(["recorded", "made", "copying", "ready"])(
    "is where it was when it is cancelled at %s",
    async (place) => {
      const name = await heldAt(place, nextPlace());
      await hosts.cancel(name);
      points.release();
      expect((await disk.failure(name)).reason).toBe("OPERATION_ABORTED");
      await isRunningAt(at);
    },
    150_000,
  );

  it.each<DiskMovePlace>(["decided", "stopped", "told", "defined"])(
    "is at the new place when it is cancelled at %s",
    async (place) => {
      const to = nextPlace();
      const name = await heldAt(place, to);
      await hosts.cancel(name);
      points.release();
      await disk.end(name);
      await isRunningAt(to);
    },
    150_000,
  );

  it("goes to its end when it was cancelled behind the decision and the agent is killed then", async () => {
    const to = nextPlace();
    const name = await heldAt("stopped", to);
    await hosts.cancel(name);
    await killAgent();
    await startAgent();
    await disk.end(name);
    await isRunningAt(to);
  }, 150_000);

  it("is where it was when the new place is full once the copy is ready", async () => {
    const to = nextPlace();
    const name = await heldAt("ready", to);
    await shim.failDisks([{ on: "write", with: "ENOSPC", path: to }]);
    await hosts.stillCounts();
    points.release();
    const failed = await disk.failure(name);
    await shim.healDisks();
    expect(failed.reason).toBe("NO_SPACE");
    expect(failed.message).toContain("the new image could not be written: No space left on device");
    await isRunningAt(at);
  }, 150_000);

  it("is where it was when the new place fails while the guest stands still", async () => {
    const to = nextPlace();
    const name = await heldAt("decided", to);
    await shim.failDisks([{ on: "write", with: "EIO", path: to }]);
    await hosts.stillCounts();
    points.release();
    const failed = await disk.failure(name);
    await shim.healDisks();
    expect(failed.message).toContain("the new image could not be written: Input/output error");
    await isRunningAt(at);
  }, 150_000);

  it("is where it was when the old image cannot be read", async () => {
    await points.holdAt([], soon());
    await shim.failDisks([{ on: "read", with: "EIO", path: at, from: 65_536 }]);
    const failed = await disk.failure(await disk.begin(nextPlace()));
    await shim.healDisks();
    expect(failed.message).toContain("the old image could not be read: Input/output error");
    await isRunningAt(at);
  }, 150_000);

  it("leaves a file alone that somebody else put where the new image was", async () => {
    const to = nextPlace();
    const name = await heldAt("copying", to);
    await rm(to);
    await writeFile(to, "not ours");
    await hosts.cancel(name);
    points.release();
    expect((await disk.failure(name)).reason).toBe("OPERATION_ABORTED");
    expect(await readFile(to, "utf8")).toBe("not ours");
    await rm(to);
    await isRunningAt(at);
  }, 150_000);
});
