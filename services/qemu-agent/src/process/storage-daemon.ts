import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import { QmpConnection } from "../qmp/connection.ts";
import { HandedSocket } from "./handed-socket.ts";
import { LogFile } from "./log-file.ts";
import { type ExitStatus, QemuProcess } from "./qemu-process.ts";

const PREFIX = "storage-";

/**
 * QEMU's block layer without a guest: opens, serves and copies images of guests that are off. It ends with the agent
 * (setpriv --pdeathsig): nothing that it does is worth more than doing it again.
 */
export class StorageDaemon implements AsyncDisposable {
  /** @throws HOST_SETUP when it cannot be run */
  static async start(runDir: string, signal: AbortSignal): Promise<StorageDaemon> {
    await mkdir(runDir, { recursive: true, mode: 0o700 });
    const dir = await mkdtemp(join(runDir, PREFIX));
    const path = join(dir, "qmp.sock");
    await using log = await LogFile.open(join(dir, "log"));
    const binary = "qemu-storage-daemon";
    const args = [
      ...["--pdeathsig", "KILL", binary, "--chardev", "socket,id=mon,fd=3,server=on,wait=off"],
      ...["--monitor", "chardev=mon"],
    ];
    const process = await (async () => {
      await using socket = await HandedSocket.listen(path);
      return QemuProcess.spawn({ binary: "setpriv", args, logFd: log.fd, inherit: [socket.fd] });
    })();
    try {
      return new StorageDaemon(dir, process, await QmpConnection.open({ path, signal }));
    } catch (e) {
      process.kill("SIGKILL");
      await process.exited;
      const said = await log.tail();
      await rm(dir, { recursive: true });
      signal.throwIfAborted();
      throw new VirtError("HOST_SETUP", `${binary} does not run: ${said}`, {}, { cause: e });
    }
  }

  readonly qmp: QmpConnection;
  readonly exited: Promise<ExitStatus>;
  readonly #dir: string;
  readonly #process: QemuProcess;

  private constructor(dir: string, process: QemuProcess, qmp: QmpConnection) {
    this.#dir = dir;
    this.#process = process;
    this.qmp = qmp;
    this.exited = process.exited;
  }

  /** Ends it in order: what was written is in the images. */
  async quit(): Promise<void> {
    // It may close the monitor before it has answered this.
    await Promise.allSettled([this.qmp.execute("quit")]);
    await this.exited;
    await this[Symbol.asyncDispose]();
  }

  /** Ends it at once, if it runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.qmp.close();
    this.#process.kill("SIGKILL");
    await this.exited;
    await rm(this.#dir, { recursive: true, force: true });
  }
}

/** Opens an image under the name of its format node. */
export async function openImage(
  qmp: QmpConnection,
  image: {
    readonly node: string;
    readonly path: string;
    readonly format: string;
    readonly readOnly: boolean;
  },
): Promise<void> {
  await qmp.execute("blockdev-add", {
    driver: image.format,
    "node-name": image.node,
    "read-only": image.readOnly,
    file: { driver: "file", filename: image.path, "read-only": image.readOnly },
    // What is never written on the source need not take room on the destination.
    ...(image.readOnly ? {} : { discard: "unmap", "detect-zeroes": "unmap" }),
  });
}
