import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import { CORPUS_NEEDS, ensurePackages, findProgram } from "./apt.ts";
import { cacheFolder, downloadSource } from "./debian-source.ts";
import { run } from "./process.ts";

/** Where sources of libvirt are kept between runs: outside the checkout, since they are under another licence. */
export function libvirtCache(): string {
  return cacheFolder("libvirt");
}

/**
 * The tests folder of the source of libvirt that this machine's Debian has. Fetched once, with lists and sources of apt of
 * its own: the machine's own are only read, and root is needed only where a package has to be installed.
 * @throws HOST_SETUP naming what to install or to do
 */
export async function libvirtTests(
  progress: (text: string) => void = () => undefined,
  signal?: AbortSignal,
): Promise<string> {
  const cache = libvirtCache();
  await mkdir(cache, { recursive: true });
  const there = (await readdir(cache)).filter((name) => existsSync(join(cache, name, "tests"))).sort();
  const newest = there.at(-1);
  if (newest !== undefined) return join(cache, newest, "tests");
  if (findProgram("apt-get") === undefined) {
    throw new VirtError(
      "HOST_SETUP",
      "the source of libvirt is fetched with apt-get, which this machine has not; unpack a release of libvirt and name its tests folder with --corpus",
    );
  }
  await ensurePackages(CORPUS_NEEDS, progress, signal);
  progress("Fetching the source of libvirt with apt-get");
  const work = await mkdtemp(join(cache, "fetch-"));
  try {
    return join(await unpack(await downloadSource("libvirt", work, signal), cache, work, signal), "tests");
  } finally {
    await rm(work, { recursive: true });
  }
}

async function unpack(archive: string, cache: string, work: string, signal?: AbortSignal): Promise<string> {
  const tree = join(work, "tree");
  await mkdir(tree);
  const options = signal === undefined ? {} : { signal };
  await run(["tar", "-xf", archive, "-C", tree, "--strip-components=1"], options);
  const version = /^libvirt_(.*)\.orig\./.exec(basename(archive))?.[1] ?? "";
  const target = join(cache, `libvirt-${version}`);
  // Whoever comes first has it; a second fetch at the same time brings the same.
  if (!existsSync(target)) await rename(tree, target);
  return target;
}
