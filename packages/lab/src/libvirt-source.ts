import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import { CORPUS_NEEDS, ensurePackages, findProgram } from "./apt.ts";
import { run } from "./process.ts";
import { sourceEntries } from "./source-list.ts";

const APT = "/etc/apt";

/** Where sources of libvirt are kept between runs: outside the checkout, since they are under another licence. */
export function libvirtCache(): string {
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return join(cache, "virtmesh", "libvirt");
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
    return join(await unpack(await download(work, signal), cache, work, signal), "tests");
  } finally {
    await rm(work, { recursive: true });
  }
}

/** The upstream archive of libvirt, whose hash apt has checked. */
async function download(work: string, signal?: AbortSignal): Promise<string> {
  const list = join(work, "sources.list");
  await writeFile(list, await debianSources());
  await mkdir(join(work, "lists/partial"), { recursive: true });
  await mkdir(join(work, "archives/partial"), { recursive: true });
  const apt = [
    "apt-get",
    "-q",
    ...["-o", `Dir::Etc::SourceList=${list}`, "-o", "Dir::Etc::SourceParts=-"],
    ...["-o", `Dir::State::Lists=${join(work, "lists")}`, "-o", `Dir::Cache=${work}`],
    // apt's own user may not write there; what is downloaded is checked all the same.
    ...["-o", "APT::Sandbox::User=root"],
  ];
  const options = { cwd: work, ...(signal === undefined ? {} : { signal }) };
  await run([...apt, "update"], options);
  await run([...apt, "source", "--download-only", "libvirt"], options);
  const archive = (await readdir(work)).find((name) => /^libvirt_.*\.orig\.tar\.\w+$/.test(name));
  if (archive === undefined)
    throw new VirtError("HOST_SETUP", "apt-get source libvirt has brought no archive");
  return join(work, archive);
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

/** Where this machine gets Debian from, asked for sources instead of programs. */
async function debianSources(): Promise<string> {
  const parts = join(APT, "sources.list.d");
  const names = existsSync(parts) ? (await readdir(parts)).map((name) => join(parts, name)) : [];
  const files = [join(APT, "sources.list"), ...names].filter((file) => existsSync(file));
  const entries: string[] = [];
  for (const file of files) entries.push(...sourceEntries(await readFile(file, "utf8"), file));
  if (entries.length === 0) {
    throw new VirtError("HOST_SETUP", `neither ${APT}/sources.list nor ${parts} names an archive of Debian`);
  }
  return `${entries.join("\n")}\n`;
}
