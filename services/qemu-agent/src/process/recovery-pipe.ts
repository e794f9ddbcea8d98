import { type FileHandle, open, rm, symlink } from "node:fs/promises";
import { constants } from "node:fs";
import { runTool } from "@virtmesh/agent/machine/run-tool";
import type { QmpArguments, QmpCommand } from "../qmp/commands.ts";
import { jsonText } from "../qmp/json.ts";

/** The commands of QEMU that a main loop which hangs cannot hold up. */
type OutOfBand = Extract<QmpCommand, "yank" | "migrate-recover">;

/**
 * A second monitor of a QEMU, for orders out of band, whose session outlives every agent: QEMU opens both ends of each
 * pipe itself (char-pipe.c), so it never sees the other side go, and what was agreed with it once holds. A session over a
 * socket begins with `qmp_capabilities`, which a main loop that hangs on memory it lacks does not answer.
 *
 * It is only spoken into. What QEMU answers goes to /dev/null: there may be nobody to read it, for weeks.
 */
export class RecoveryPipe {
  readonly #directory: string;

  /** Of a running guest. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** QEMU adds `.in` and `.out` (char-pipe.c). */
  get path(): string {
    return `${this.#directory}/recovery`;
  }

  /** Before QEMU is started. */
  async make(signal: AbortSignal): Promise<void> {
    await Promise.all([`${this.path}.in`, `${this.path}.out`].map((path) => rm(path, { force: true })));
    await runTool("mkfifo", ["-m", "600", `${this.path}.in`], { signal });
    await symlink("/dev/null", `${this.path}.out`);
  }

  /** Once QEMU has answered over its other monitor: it has opened this one by then. */
  async agree(): Promise<void> {
    await this.#write({ execute: "qmp_capabilities", arguments: { enable: ["oob"] } });
  }

  /** @throws ENOENT when this QEMU was started without it, EAGAIN when it reads nothing any more */
  async order<C extends OutOfBand>(command: C, args: QmpArguments<C>): Promise<void> {
    await this.#write({ "exec-oob": command, arguments: args });
  }

  async #write(order: unknown): Promise<void> {
    // Never waits: not for a reader, and not for room.
    const file: FileHandle = await open(`${this.path}.in`, constants.O_RDWR | constants.O_NONBLOCK);
    try {
      await file.write(`${jsonText(order)}\n`);
    } finally {
      await file.close();
    }
  }
}
