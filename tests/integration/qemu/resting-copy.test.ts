import { open, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Scope } from "@virtmesh/kit/scope";
import { makeRunFolder, removeRunFolder } from "@virtmesh/lab/run-folder";
import {
  cancelJob,
  restJob,
  startMirror,
  wakeJob,
} from "../../../services/qemu-agent/src/disk-moves/mirror-job.ts";
import { rootNode } from "../../../services/qemu-agent/src/disk-moves/nodes.ts";
import { awaitEvent } from "../../../services/qemu-agent/src/migration/await-event.ts";
import { HandedSocket } from "../../../services/qemu-agent/src/process/handed-socket.ts";
import { QemuProcess } from "../../../services/qemu-agent/src/process/qemu-process.ts";
import { QmpConnection } from "../../../services/qemu-agent/src/qmp/connection.ts";
import { HangingStorage } from "./hanging-storage.ts";

const JOB = "move-vda";
const BYTES = 16 * 2 ** 20;
/** Of the device, whose writes are the guest's. */
const WRITE = { "command-line": 'qemu-io -d /machine/peripheral/vda/virtio-backend "write 0 1M"' };
/** QEMU answers in milliseconds what it answers at all. */
const SOON = { timeoutMs: 20_000 };

describe("the copy of a disk to storage that hangs, in a real QEMU", () => {
  let scope: Scope;
  let storage: HangingStorage;
  let qmp: QmpConnection;

  beforeEach(async () => {
    scope = new Scope();
    const dir = await makeRunFolder("vmrest");
    scope.defer(() => removeRunFolder(dir));
    storage = scope.own(await HangingStorage.mount(dir));
    const images = { "disk-vda-format": join(dir, "old.raw"), new: join(storage.path, "new.raw") };
    for (const path of Object.values(images)) {
      await writeFile(path, "");
      await truncate(path, BYTES);
    }
    qmp = await startQemu(dir, images);
    const ready = awaitEvent(qmp, (e) => e.event === "BLOCK_JOB_READY", 30_000);
    await startMirror(qmp, { id: JOB, from: "disk-vda-format", to: "new", bytesPerSecond: 0n });
    expect(await ready).toBeDefined();
  }, 90_000);
  afterEach(async () => {
    storage.answer();
    await scope[Symbol.asyncDispose]();
  }, 90_000);

  it("does not come to rest when it hangs, and can be cancelled while the guest runs on", async () => {
    storage.hang();
    await qmp.execute("human-monitor-command", WRITE, SOON);
    await isUnderWay();
    expect(await restJob(qmp, JOB, 500)).toBeUndefined();
    await cancelJob(qmp, JOB);
    expect(await rootNode(qmp, "vda")).toBe("disk-vda-format");
    expect(await qmp.execute("query-status", undefined, SOON)).toMatchObject({ running: true });
    const aborted = awaitEvent(qmp, (e) => e.event === "BLOCK_JOB_CANCELLED", 30_000);
    storage.answer();
    expect(await aborted).toBeDefined();
  }, 90_000);

  it("has come to rest: then it hangs with the CPUs stopped, and QEMU still hears that they go on", async () => {
    expect(await restJob(qmp, JOB, 20_000)).toBe("rests");
    await qmp.execute("human-monitor-command", WRITE, SOON);
    await qmp.execute("stop", undefined, SOON);
    storage.hang();
    await wakeJob(qmp, JOB);
    await qmp.execute("block-job-complete", { device: JOB }, SOON);
    await cancelJob(qmp, JOB);
    await qmp.execute("cont", undefined, SOON);
    expect(await qmp.execute("query-status", undefined, SOON)).toMatchObject({ running: true });
    expect(await rootNode(qmp, "vda")).toBe("disk-vda-format");
  }, 90_000);

  /** What was written is being copied, of which QEMU tells nobody. */
  async function isUnderWay(): Promise<void> {
    for (let tries = 0; tries < 1_000; tries += 1) {
      const [job] = await qmp.execute("query-block-jobs", undefined, SOON);
      if (job !== undefined && job.len > BYTES && job.offset < job.len) return;
      await delay(20);
    }
    throw new Error("the copy does not begin to write");
  }

  async function startQemu(dir: string, images: Readonly<Record<string, string>>): Promise<QmpConnection> {
    const log = await open(join(dir, "log"), "a");
    scope.defer(() => log.close());
    const path = join(dir, "qmp.sock");
    const disks = Object.entries(images).flatMap(([node, filename]) => [
      "-blockdev",
      JSON.stringify({ driver: "raw", "node-name": node, file: { driver: "file", filename } }),
    ]);
    const args = [
      ...["-accel", "tcg", "-m", "32", "-nodefaults", "-display", "none", ...disks],
      ...["-device", "virtio-blk-pci,id=vda,drive=disk-vda-format"],
      ...["-chardev", "socket,id=m,fd=3,server=on,wait=off", "-mon", "chardev=m,mode=control"],
    ];
    const process = await (async () => {
      await using socket = await HandedSocket.listen(path);
      const binary = "qemu-system-x86_64";
      return await QemuProcess.spawn({ binary, args, logFd: log.fd, inherit: [socket.fd] });
    })();
    scope.defer(async () => {
      process.kill("SIGKILL");
      await process.exited;
    });
    return scope.own(await QmpConnection.open({ path }));
  }
});
