import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ensurePackages, HANGING_STORAGE_NEEDS } from "@virtmesh/lab/apt";
import { Child, run } from "@virtmesh/lab/process";

/** A folder whose file system hangs when told to, as one on a server that does not answer: FUSE, served by a process. */
export class HangingStorage implements AsyncDisposable {
  static async mount(dir: string): Promise<HangingStorage> {
    await ensurePackages(HANGING_STORAGE_NEEDS);
    const [behind, path] = [join(dir, "behind"), join(dir, "hanging")];
    await Promise.all([behind, path].map((folder) => mkdir(folder, { recursive: true })));
    const server = await Child.start(["bindfs", "-f", "--no-allow-other", behind, path], { name: "bindfs" });
    await run(["timeout", "30", "sh", "-c", `until mountpoint -q "$0"; do sleep 0.05; done`, path]);
    return new HangingStorage(path, server);
  }

  readonly path: string;
  readonly #server: Child;

  private constructor(path: string, server: Child) {
    this.path = path;
    this.#server = server;
  }

  /** Whoever reads or writes waits from here on. */
  hang(): void {
    this.#server.kill("SIGSTOP");
  }

  answer(): void {
    this.#server.kill("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.answer();
    await run(["umount", "--lazy", this.path]);
    await this.#server[Symbol.asyncDispose]();
  }
}
