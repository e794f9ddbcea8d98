import { chmod, mkdir, open, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Host } from "@virtmesh/lab/hosts";
import { run } from "@virtmesh/lab/process";
import { repositoryRoot } from "@virtmesh/lab/repository";

const CLOCKS = 16;
const ERRNO = { EIO: 5, ENOSPC: 28 } as const;

/** One rule for a disk: such calls on this file, at or behind this offset, fail. */
export interface DiskFault {
  readonly on: "read" | "write";
  readonly with: keyof typeof ERRNO;
  readonly path: string;
  readonly from?: number;
}

/** Disks that fail and clocks that jump on command: shim.c, loaded into agents and hypervisors. */
export class Shim {
  readonly #dir: string;
  /** To be run in QEMU's place. */
  readonly qemu: string;
  readonly env: Readonly<Record<string, string>>;

  private constructor(dir: string) {
    this.#dir = dir;
    this.qemu = join(dir, "qemu");
    this.env = { LD_PRELOAD: join(dir, "shim.so"), FAULT_SHIM_DIR: dir };
  }

  static async build(dir: string): Promise<Shim> {
    await mkdir(dir, { recursive: true });
    const shim = new Shim(dir);
    const source = join(repositoryRoot(), "tests/faults/lab/shim.c");
    await run(["gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", join(dir, "shim.so"), source, "-ldl"]);
    await writeFile(join(dir, "clocks"), Buffer.alloc(CLOCKS * 16));
    const words = Object.entries(shim.env).map(([name, value]) => `export ${name}='${value}'`);
    await writeFile(shim.qemu, `#!/bin/sh\n${words.join("\n")}\nexec /usr/bin/qemu-system-x86_64 "$@"\n`);
    await chmod(shim.qemu, 0o755);
    return shim;
  }

  async failDisks(faults: readonly DiskFault[]): Promise<void> {
    const lines = faults.map((f) => `${f.on} ${ERRNO[f.with]} ${f.from ?? 0} ${f.path}\n`);
    await writeFile(join(this.#dir, "disks"), lines.join(""));
  }

  async healDisks(): Promise<void> {
    await rm(join(this.#dir, "disks"), { force: true });
  }

  /** Everything in this host's network namespace sees another time of day from now on. */
  async setClocks(offsets: readonly { readonly host: Host; readonly ms: number }[]): Promise<void> {
    const table = Buffer.alloc(CLOCKS * 16);
    for (const [index, { host, ms }] of offsets.entries()) {
      const { stdout } = await host.exec(["stat", "-L", "-c", "%i", "/proc/self/ns/net"]);
      table.writeBigUInt64LE(BigInt(stdout.trim()), index * 16);
      table.writeBigInt64LE(BigInt(ms), index * 16 + 8);
    }
    // In place: the processes have mapped this very file.
    const file = await open(join(this.#dir, "clocks"), "r+");
    try {
      await file.write(table, 0, table.length, 0);
    } finally {
      await file.close();
    }
  }
}

/** Whether there is such a file. */
export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
