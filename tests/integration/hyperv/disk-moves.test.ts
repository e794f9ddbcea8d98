import { ownCall } from "@virtmesh/core/call";
import type { DiskMove, DiskMoved, DiskMoveRun } from "@virtmesh/core/driver/disk-moves";
import { need } from "@virtmesh/core/driver/driver";
import type { SettingsPatch } from "@virtmesh/hyperv-simulator/host/settings";
import { Fronted } from "./driven.ts";

jest.setTimeout(120_000);

const call = ownCall();
const OLD = "C:\\VMs\\web.vhdx";
const NEW = "D:\\fast\\web.vhdx";
const DISKS = [{ path: OLD, sizeBytes: 64 << 20 }];

const open = (settings: SettingsPatch = {}): Promise<Fronted> =>
  Fronted.open(settings, { guests: [{ name: "web", state: "running", disks: DISKS }] });

/** Who asks for a move, and what that was told. */
class Asked implements DiskMoveRun {
  readonly copied: bigint[] = [];
  readonly #abort = new AbortController();

  get cancel(): AbortSignal {
    return this.#abort.signal;
  }

  progress({ copiedBytes }: Parameters<DiskMoveRun["progress"]>[0]): void {
    this.copied.push(copiedBytes);
  }

  reached(): undefined {
    return undefined;
  }

  giveUp(): void {
    this.#abort.abort();
  }
}

function order(hyperv: Fronted, change: Partial<DiskMove> = {}): DiskMove {
  const { uuid } = hyperv.guest("web");
  return {
    ...{ id: crypto.randomUUID(), uuid, disk: "hda", path: NEW, format: "" },
    ...{ removeSource: false, bytesPerSecond: 0n },
    ...change,
  };
}

function move(hyperv: Fronted, change: Partial<DiskMove> = {}, run = new Asked()): Promise<DiskMoved> {
  return need(hyperv.driver, "diskMoves", "move")(order(hyperv, change), run, call);
}

const files = ({ host: { host } }: Fronted): readonly boolean[] =>
  [OLD, NEW].map((path) => host.disks.find(path) !== undefined);

describe("a disk of a guest that runs", () => {
  it.each([
    [false, [true, true]],
    [true, [false, true]],
  ])("goes to other storage of its host, the old file removed: %p", async (removeSource, left) => {
    await using hyperv = await open();
    const run = new Asked();
    expect(await move(hyperv, { removeSource }, run)).toEqual({
      ...{ format: "vhdx", previousPath: OLD, previousRemoved: removeSource },
    });
    expect(hyperv.guest("web")).toMatchObject({ state: "running", disks: [{ source: NEW }] });
    expect(files(hyperv)).toEqual(left);
    expect(run.copied.at(-1)).toBe(64n << 20n);
    expect(await need(hyperv.driver, "diskMoves", "pending")()).toEqual([]);
  });

  it("stays where it was when the move is called off", async () => {
    await using hyperv = await open({ jobs: { durationMs: 60_000 } });
    const run = new Asked();
    const begun = hyperv.host.host.begins("MigrateVirtualSystemToHost");
    const moving = move(hyperv, {}, run);
    await begun;
    run.giveUp();
    await expect(moving).rejects.toMatchObject({ reason: "OPERATION_ABORTED" });
    expect(hyperv.guest("web").disks).toMatchObject([{ source: OLD }]);
    expect(files(hyperv)).toEqual([true, false]);
  });

  it("stays where it was when the host cannot move it, which says why", async () => {
    await using hyperv = await open({
      jobFailures: [{ method: "MigrateVirtualSystemToHost", code: 32_768, description: "disk full" }],
    });
    await expect(move(hyperv)).rejects.toMatchObject({
      ...{ reason: "HYPERVISOR_FAILED", message: expect.stringContaining("disk full") },
    });
    expect(hyperv.guest("web").disks).toMatchObject([{ source: OLD }]);
  });

  it("is followed again by an agent that was started anew, to where the host has brought it", async () => {
    await using hyperv = await open({ jobs: { durationMs: 1_500 } });
    const ended = new AbortController();
    const moved = order(hyperv);
    const begun = hyperv.host.host.begins("MigrateVirtualSystemToHost");
    const until = { ...call, signal: ended.signal };
    const moving = need(hyperv.driver, "diskMoves", "move")(moved, new Asked(), until);
    await begun;
    ended.abort(new Error("the agent ends"));
    await expect(moving).rejects.toThrow("the agent ends");
    const pending = await need(hyperv.driver, "diskMoves", "pending")();
    expect(pending).toEqual([moved]);
    const resumed = await need(hyperv.driver, "diskMoves", "resume")(moved, new Asked(), call);
    expect(resumed).toMatchObject({ previousPath: OLD });
    expect(hyperv.guest("web").disks).toMatchObject([{ source: NEW }]);
  });

  it.each([
    ["at a path of another system", { path: "/vms/web.vhdx" }, "absolute path"],
    ["in another format", { path: "D:\\web.vhd" }, "its own format"],
    ["with a limit", { bytesPerSecond: 1n }, "no limit"],
  ])("is not moved %s", async (_, change, why) => {
    await using hyperv = await open();
    await expect(move(hyperv, change)).rejects.toMatchObject({
      ...{ reason: "INVALID_FIELD", message: expect.stringContaining(why) },
    });
  });

  it("is not moved while checkpoints lie below it", async () => {
    await using hyperv = await open();
    const { uuid } = hyperv.guest("web");
    const ask = { xml: "", description: "", diskOnly: false, quiesce: false, halt: false, name: "one" };
    await need(hyperv.driver, "snapshots", "create")(uuid, ask, call);
    await expect(move(hyperv)).rejects.toMatchObject({ reason: "UNSUPPORTED" });
  });
});
