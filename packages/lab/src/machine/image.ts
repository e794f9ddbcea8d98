import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { constants, zstdCompressSync } from "node:zlib";
import { VirtError } from "@virtmesh/core/errors";
import { cacheFolder } from "../debian-source.ts";
import { CHARACTER_DEVICE, type CpioEntry, cpioArchive, FILE, FOLDER, LINK } from "../guest/cpio.ts";
import { downloadKernel } from "../guest/debian-kernel.ts";
import { extractVmlinux, modulesInOrder } from "../guest/kernel.ts";
import { run } from "../process.ts";
import { repositoryRoot } from "../repository.ts";
import { unpackPackages } from "./packages.ts";
import { treeEntries } from "./tree.ts";

/** What a machine of the lab is made of, beside its kernel: Debian's packages, and a first process of its own. */
export interface MachineProfile {
  /** For messages, and the folder in the cache: `xen`. */
  readonly name: string;
  /** Files of packages/lab/src that decide what it becomes, the first process first. */
  readonly sources: readonly [init: string, ...more: string[]];
  /** Debian's packages, which come with all that they depend on. busybox is everything else. */
  readonly packages: readonly string[];
  /** Of its kernel, which come with all that they depend on. */
  readonly modules: readonly string[];
  /** Empty folders. */
  readonly folders: readonly string[];
  /** What of the packages stays behind: all of it lies in memory. */
  readonly notNeeded: RegExp;
  /** What its first process says when it can be used. */
  readonly ready: RegExp;
  readonly memoryMib: number;
  /** More files for this computer, by name, made of the packages and the kernel. */
  readonly extras?: (
    parts: MachineParts,
    signal: AbortSignal,
  ) => Promise<Readonly<Record<string, Uint8Array>>>;
  /** How QEMU emulates the computer and starts it. */
  readonly boot: (image: MachineImage) => readonly string[];
}

export interface MachineParts {
  /** The packages, unpacked. */
  readonly root: string;
  /** The kernel as it is packed. */
  readonly vmlinuz: string;
  /** Folder of its modules. */
  readonly modules: string;
}

/** A machine as files of this computer. */
export interface MachineImage {
  readonly dir: string;
  readonly kernel: string;
  /** Everything it has, as the kernel unpacks it. */
  readonly system: string;
  /** By which one comes into it. */
  readonly key: string;
}

const SOURCES = ["machine/image.ts", "machine/packages.ts"];
const KERNEL_PACKAGE = "linux-image-amd64";
/** Ways in, and what Node needs. */
const PACKAGES = [
  ...["bash", "busybox-static", "iproute2", "util-linux", "mount", "coreutils", "sed"],
  ...["dropbear-bin", "libstdc++6"],
];
/** Network and the folders of this computer. */
const MODULES = ["virtio_pci", "virtio_net", "9pnet_virtio", "9p"];
const FOLDERS = [
  "proc",
  "sys",
  "dev",
  "run",
  "tmp",
  "mnt",
  "root",
  "var",
  "var/log",
  "var/lib",
  "etc/dropbear",
];

/**
 * Builds a machine out of Debian's packages, once for each version of its recipe: some 15 seconds and 100 MB of
 * downloads. @throws HOST_SETUP
 */
export async function buildMachine(
  profile: MachineProfile,
  progress: (text: string) => void = () => undefined,
  signal: AbortSignal = new AbortController().signal,
): Promise<MachineImage> {
  const recipe = createHash("sha256");
  const folder = join(repositoryRoot(), "packages/lab/src");
  for (const source of [...SOURCES, ...profile.sources]) recipe.update(await readFile(join(folder, source)));
  const cache = cacheFolder(profile.name);
  const dir = join(cache, recipe.digest("hex").slice(0, 16));
  const image = imageIn(dir);
  if (existsSync(dir)) return image;
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new VirtError(
      "HOST_SETUP",
      `a machine of the lab is built on Debian for amd64, not on ${process.platform} ${process.arch}`,
    );
  }
  await mkdir(cache, { recursive: true });
  // Built aside and renamed when whole: two builds at once do no harm, the second finds the first one's.
  const work = await mkdtemp(join(cache, "building-"));
  try {
    progress(`Building a machine for ${profile.name} from Debian's packages`);
    const out = imageIn(join(work, "out"));
    const root = join(work, "root");
    await mkdir(out.dir);
    const [kernel] = await Promise.all([
      downloadKernel(KERNEL_PACKAGE, work, signal),
      unpackPackages([...profile.packages, ...PACKAGES], root, work, signal),
    ]);
    await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", out.key], { signal });
    // Not the compressed one: decompressing it takes long where the processor is emulated.
    await writeFile(out.kernel, await extractVmlinux(kernel.vmlinuz, signal));
    const extras = await profile.extras?.({ root, ...kernel }, signal);
    for (const [name, data] of Object.entries(extras ?? {})) await writeFile(join(out.dir, name), data);
    const entries = await systemEntries(profile, root, `${out.key}.pub`, kernel.modules, signal);
    const level = { params: { [constants.ZSTD_c_compressionLevel]: 6 } };
    await writeFile(out.system, zstdCompressSync(cpioArchive(entries), level));
    try {
      await rename(out.dir, dir);
    } catch (e) {
      if (!existsSync(dir)) throw e;
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return image;
}

function imageIn(dir: string): MachineImage {
  return {
    dir,
    kernel: join(dir, "vmlinux"),
    system: join(dir, "system.cpio.zst"),
    key: join(dir, "key"),
  };
}

async function systemEntries(
  profile: MachineProfile,
  root: string,
  publicKey: string,
  modules: string,
  signal: AbortSignal,
): Promise<CpioEntry[]> {
  const [init] = profile.sources;
  const tree = await treeEntries(root, profile.notNeeded);
  const have = new Set(tree.map(({ path }) => path));
  const { stdout } = await run([join(root, "usr/bin/busybox"), "--list"], { signal });
  const applets = stdout.split("\n").filter((name) => name !== "");
  const missing = applets.filter((name) => !have.has(`usr/bin/${name}`) && !have.has(`usr/sbin/${name}`));
  return [
    ...tree,
    ...[...FOLDERS, ...profile.folders].filter((path) => !have.has(path)).map((path) => folder(path)),
    folder("root/.ssh", 0o700),
    ...missing.map((name) => link(`usr/bin/${name}`, "busybox")),
    ...(have.has("usr/bin/sh") ? [] : [link("usr/bin/sh", "bash")]),
    link("var/run", "../run"),
    link("var/lock", "../run/lock"),
    file("etc/passwd", "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/:/bin/false\n"),
    file("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
    file("etc/shells", "/bin/bash\n"),
    file("root/.ssh/authorized_keys", await readFile(publicKey)),
    console,
    {
      path: "init",
      mode: FILE | 0o755,
      data: await readFile(join(repositoryRoot(), "packages/lab/src", init)),
    },
    ...(await moduleEntries(modules, [...MODULES, ...profile.modules], signal)),
  ];
}

/** The kernel opens it for the first process before there are any others. */
export const console: CpioEntry = { path: "dev/console", mode: CHARACTER_DEVICE | 0o600, device: [5, 1] };

/** Its modules, and in which order they are loaded. */
export async function moduleEntries(
  folderOf: string,
  names: readonly string[],
  signal: AbortSignal,
): Promise<CpioEntry[]> {
  const modules = await modulesInOrder(folderOf, names, signal);
  return [
    folder("modules"),
    file("modules/order", modules.map((module) => `${module.file}\n`).join("")),
    ...modules.map((module) => file(`modules/${module.file}`, module.data)),
  ];
}

export function folder(path: string, rights = 0o755): CpioEntry {
  return { path, mode: FOLDER | rights };
}

export function link(path: string, target: string): CpioEntry {
  return { path, mode: LINK | 0o777, data: Buffer.from(target) };
}

function file(path: string, data: string | Uint8Array): CpioEntry {
  return { path, mode: FILE | 0o644, data: Buffer.from(data) };
}
