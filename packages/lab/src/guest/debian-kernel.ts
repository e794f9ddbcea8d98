import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import { run } from "../process.ts";

export interface DebianKernel {
  readonly vmlinuz: string;
  /** Folder of its modules. */
  readonly modules: string;
}

/** Downloads one of Debian's kernels into `work` and unpacks it there; nothing is installed. */
export async function downloadKernel(
  metapackage: string,
  work: string,
  signal: AbortSignal,
): Promise<DebianKernel> {
  const depends = await run(["apt-cache", "depends", metapackage], { signal });
  const name = /Depends: (linux-image-\S+)/.exec(depends.stdout)?.[1];
  if (name === undefined) {
    throw new VirtError("HOST_SETUP", `apt knows no package ${metapackage}; run apt-get update as root`);
  }
  // apt's own user may not write into a folder of ours.
  await run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", name], { cwd: work, signal });
  const unpacked = join(work, "kernel");
  await run(["dpkg-deb", "-x", await onlyEntry(work, /\.deb$/), unpacked], { signal });
  return {
    vmlinuz: await onlyEntry(join(unpacked, "boot"), /^vmlinuz-/),
    modules: await onlyEntry(join(libOf(unpacked), "modules"), /^\d/),
  };
}

/** Debian 13 has its modules under usr/lib, Debian 12 under lib. */
function libOf(unpacked: string): string {
  return existsSync(join(unpacked, "lib/modules")) ? join(unpacked, "lib") : join(unpacked, "usr/lib");
}

/** The file in a folder whose name is like that. @throws HOST_SETUP */
export async function onlyEntry(folder: string, pattern: RegExp): Promise<string> {
  const found = (await readdir(folder)).find((name) => pattern.test(name));
  if (found === undefined) throw new VirtError("HOST_SETUP", `${folder} has no file like ${pattern.source}`);
  return join(folder, found);
}
