import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { constants, gunzipSync, zstdCompressSync } from "node:zlib";
import { VirtError } from "@virtmesh/core/errors";
import { cacheFolder } from "../debian-source.ts";
import { CHARACTER_DEVICE, type CpioEntry, cpioArchive, FILE, FOLDER, LINK } from "../guest/cpio.ts";
import { downloadKernel, onlyEntry } from "../guest/debian-kernel.ts";
import { extractVmlinux, modulesInOrder } from "../guest/kernel.ts";
import { run } from "../process.ts";
import { repositoryRoot } from "../repository.ts";
import { unpackXen } from "./packages.ts";
import { treeEntries } from "./tree.ts";

/** A Xen host and a guest for it, as files of this machine. */
export interface XenImage {
  readonly dir: string;
  /** The hypervisor. */
  readonly xen: string;
  /** Kernel of dom0 and of guests. */
  readonly kernel: string;
  /** The same as firmware starts it. */
  readonly bootable: string;
  /** Everything dom0 has. */
  readonly dom0: string;
  /** A guest with a shell on its console. */
  readonly guest: string;
  /** By which one comes into dom0. */
  readonly key: string;
}

const SOURCES = ["dom0-init.sh", "guest-init.sh", "image.ts", "packages.ts"];
const KERNEL_PACKAGE = "linux-image-amd64";
const DOM0_MODULES = [
  ...[
    "virtio_pci",
    "virtio_net",
    "9pnet_virtio",
    "9p",
    "bridge",
    "loop",
    "xenfs",
    "xen-blkback",
    "xen-netback",
  ],
  ...["xen-evtchn", "xen-gntdev", "xen-gntalloc", "xen-privcmd"],
];
const GUEST_MODULES = ["xen-blkfront", "xen-netfront"];
const GUEST_APPLETS = [
  ...["sh", "mount", "cat", "echo", "sleep", "ls", "insmod", "ip", "dd", "grep", "free", "nproc", "uptime"],
  ...["setsid", "cttyhack", "poweroff", "reboot"],
];
/** dom0 has it in memory. Programs of Python are not among those that `xl` takes. */
const NOT_NEEDED =
  /^(usr\/share\/(doc|man|info|locale|bash-completion|lintian|python3|perl5|bug|zsh|pixmaps|iso-codes|xml|qemu\/(skiboot|slof|openbios|opensbi|hppa|s390|palcode|u-boot|npcm|vof).*)|usr\/lib\/python3.*|usr\/lib\/udev|usr\/lib\/systemd|usr\/bin\/(python3.*|perl.*|.*debconf.*)|usr\/lib\/x86_64-linux-gnu\/(gconv|security|perl.*)|usr\/lib\/debug|boot|var)$/;
const EMPTY = [
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
 * Builds a host of Xen out of Debian's packages, once for each version of the recipe: about 15 seconds and 105 MB of
 * downloads. @throws HOST_SETUP
 */
export async function buildXenImage(
  progress: (text: string) => void = () => undefined,
  signal: AbortSignal = new AbortController().signal,
): Promise<XenImage> {
  const recipe = createHash("sha256");
  const sources = join(repositoryRoot(), "packages/lab/src/xen");
  for (const source of SOURCES) recipe.update(await readFile(join(sources, source)));
  const cache = cacheFolder("xen");
  const dir = join(cache, recipe.digest("hex").slice(0, 16));
  const image: XenImage = {
    dir,
    xen: join(dir, "xen"),
    kernel: join(dir, "vmlinux"),
    bootable: join(dir, "vmlinuz"),
    dom0: join(dir, "dom0.cpio.zst"),
    guest: join(dir, "guest.cpio"),
    key: join(dir, "key"),
  };
  if (existsSync(dir)) return image;
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new VirtError(
      "HOST_SETUP",
      `a Xen host is built on Debian for amd64, not on ${process.platform} ${process.arch}`,
    );
  }
  await mkdir(cache, { recursive: true });
  // Built aside and renamed when whole: two builds at once do no harm, the second finds the first one's.
  const work = await mkdtemp(join(cache, "building-"));
  try {
    progress("Building a Xen host from Debian's packages");
    const out = join(work, "out");
    const root = join(work, "root");
    await mkdir(out);
    const [kernel] = await Promise.all([
      downloadKernel(KERNEL_PACKAGE, work, signal),
      unpackXen(root, work, signal),
    ]);
    await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", join(out, "key")], {
      signal,
    });
    const hypervisor = await onlyEntry(join(root, "boot"), /^xen-[\d.]+-amd64\.gz$/);
    await writeFile(join(out, "xen"), gunzipSync(await readFile(hypervisor)));
    // Not the compressed one: decompressing it takes long where the processor is emulated.
    await writeFile(join(out, "vmlinux"), await extractVmlinux(kernel.vmlinuz, signal));
    await copyFile(kernel.vmlinuz, join(out, "vmlinuz"));
    const busybox = await readFile(join(root, "usr/bin/busybox"));
    const guest = await guestEntries(busybox, join(sources, "guest-init.sh"), kernel.modules, signal);
    await writeFile(join(out, "guest.cpio"), cpioArchive(guest));
    const dom0 = await dom0Entries(
      root,
      join(sources, "dom0-init.sh"),
      join(out, "key.pub"),
      kernel.modules,
      signal,
    );
    const level = { params: { [constants.ZSTD_c_compressionLevel]: 6 } };
    await writeFile(join(out, "dom0.cpio.zst"), zstdCompressSync(cpioArchive(dom0), level));
    try {
      await rename(out, dir);
    } catch (e) {
      if (!existsSync(dir)) throw e;
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return image;
}

async function dom0Entries(
  root: string,
  init: string,
  publicKey: string,
  modules: string,
  signal: AbortSignal,
): Promise<CpioEntry[]> {
  const tree = await treeEntries(root, NOT_NEEDED);
  const have = new Set(tree.map(({ path }) => path));
  const { stdout } = await run([join(root, "usr/bin/busybox"), "--list"], { signal });
  const applets = stdout.split("\n").filter((name) => name !== "");
  const missing = applets.filter((name) => !have.has(`usr/bin/${name}`) && !have.has(`usr/sbin/${name}`));
  return [
    ...tree,
    ...EMPTY.filter((path) => !have.has(path)).map((path) => folder(path)),
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
    { path: "init", mode: FILE | 0o755, data: await readFile(init) },
    ...(await moduleEntries(modules, DOM0_MODULES, signal)),
  ];
}

async function guestEntries(
  busybox: Uint8Array,
  init: string,
  modules: string,
  signal: AbortSignal,
): Promise<CpioEntry[]> {
  return [
    ...["bin", "sbin", "proc", "sys", "dev", "mnt"].map((path) => folder(path)),
    console,
    { path: "bin/busybox", mode: FILE | 0o755, data: busybox },
    ...GUEST_APPLETS.map((name) => link(`bin/${name}`, "busybox")),
    // What the kernel starts when its host asks it to end: there is no init that would do it.
    { path: "sbin/poweroff", mode: FILE | 0o755, data: Buffer.from("#!/bin/sh\nexec /bin/poweroff -f\n") },
    { path: "sbin/reboot", mode: FILE | 0o755, data: Buffer.from("#!/bin/sh\nexec /bin/reboot -f\n") },
    { path: "init", mode: FILE | 0o755, data: await readFile(init) },
    ...(await moduleEntries(modules, GUEST_MODULES, signal)),
  ];
}

/** The kernel opens it for the first process before there are any others. */
const console: CpioEntry = { path: "dev/console", mode: CHARACTER_DEVICE | 0o600, device: [5, 1] };

async function moduleEntries(
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

function folder(path: string, rights = 0o755): CpioEntry {
  return { path, mode: FOLDER | rights };
}

function link(path: string, target: string): CpioEntry {
  return { path, mode: LINK | 0o777, data: Buffer.from(target) };
}

function file(path: string, data: string | Uint8Array): CpioEntry {
  return { path, mode: FILE | 0o644, data: Buffer.from(data) };
}
