import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { VirtError } from "@virtmesh/core/errors";
import { ensurePackages, findProgram, GUEST_NEEDS } from "../apt.ts";
import { run } from "../process.ts";
import { repositoryRoot } from "../repository.ts";
import { CHARACTER_DEVICE, cpioArchive, FILE, FOLDER, LINK } from "./cpio.ts";
import { downloadKernel } from "./debian-kernel.ts";
import { extractVmlinux, modulesInOrder } from "./kernel.ts";

/** What QEMU needs to boot the test guest: `-kernel` and `-initrd`. */
export interface GuestImage {
  readonly kernel: string;
  readonly initrd: string;
}

export interface BuildOptions {
  /** Where built guests are kept; default `.cache/guest` of the checkout. */
  readonly cacheDir?: string;
  /** Hears what happens, one sentence at a time. */
  readonly progress?: (text: string) => void;
  readonly signal?: AbortSignal;
}

const MODULES = [
  "virtio_pci",
  "virtio_blk",
  "virtio_scsi",
  "sd_mod",
  "virtio_console",
  "virtio_net",
  "virtio_balloon",
  "virtio-rng",
  "evdev",
  "button",
  "pvpanic-pci",
];
/** Changes when the recipe below does, so that what was built by an older one is built anew. */
const RECIPE = "1";
const KERNEL_PACKAGE = "linux-image-cloud-amd64";

/**
 * The test guest: Debian's cloud kernel and an initramfs of busybox, the virtio modules and our worker. Built
 * once for each version of the recipe (about ten seconds and a download of 30 MB), then taken from the cache.
 */
export async function buildGuest(options: BuildOptions = {}): Promise<GuestImage> {
  const progress = options.progress ?? ((): void => undefined);
  const signal = options.signal ?? new AbortController().signal;
  const root = repositoryRoot();
  const cacheDir = options.cacheDir ?? join(root, ".cache/guest");
  const source = join(root, "packages/lab/src/guest/worker.c");
  const recipe = createHash("sha256")
    .update([RECIPE, KERNEL_PACKAGE, ...MODULES].join("\n"))
    .update(await readFile(source));
  const done = join(cacheDir, recipe.digest("hex").slice(0, 16));
  const image = { kernel: join(done, "vmlinux"), initrd: join(done, "initrd.gz") };
  if (existsSync(done)) return image;

  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new VirtError(
      "HOST_SETUP",
      `the test guest is built on Debian for amd64, not on ${process.platform} ${process.arch}`,
    );
  }
  await ensurePackages(GUEST_NEEDS, progress, signal);
  await mkdir(cacheDir, { recursive: true });
  // Built aside and renamed when whole: two builds at once do no harm, the second finds the first one's.
  const work = await mkdtemp(join(cacheDir, "building-"));
  try {
    progress(`Downloading Debian's kernel (${KERNEL_PACKAGE})`);
    const kernel = await downloadKernel(KERNEL_PACKAGE, work, signal);
    progress("Building the test guest");
    const out = join(work, "out");
    await mkdir(out);
    await writeFile(join(out, "vmlinux"), await extractVmlinux(kernel.vmlinuz, signal));
    const worker = join(work, "init");
    await run(["gcc", "-O2", "-Wall", "-static", "-o", worker, source], { signal });
    await writeFile(join(out, "initrd.gz"), await initramfs(worker, kernel.modules, signal));
    try {
      await rename(out, done);
    } catch (e) {
      if (!existsSync(done)) throw e;
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return image;
}

async function initramfs(worker: string, moduleFolder: string, signal: AbortSignal): Promise<Buffer> {
  const modules = await modulesInOrder(moduleFolder, MODULES, signal);
  const busybox = findProgram("busybox") ?? "/bin/busybox";
  const archive = cpioArchive([
    { path: "bin", mode: FOLDER | 0o755 },
    { path: "dev", mode: FOLDER | 0o755 },
    // The kernel opens it for init before devtmpfs is there.
    { path: "dev/console", mode: CHARACTER_DEVICE | 0o600, device: [5, 1] },
    { path: "init", mode: FILE | 0o755, data: await readFile(worker) },
    { path: "bin/busybox", mode: FILE | 0o755, data: await readFile(busybox) },
    { path: "bin/sh", mode: LINK | 0o777, data: Buffer.from("busybox") },
    { path: "modules", mode: FOLDER | 0o755 },
    {
      path: "modules/order",
      mode: FILE | 0o644,
      data: Buffer.from(`${modules.map((m) => m.file).join("\n")}\n`),
    },
    ...modules.map((m) => ({ path: `modules/${m.file}`, mode: FILE | 0o644, data: m.data })),
  ]);
  return gzipSync(archive, { level: 6 });
}
