import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { type CpioEntry, cpioArchive, FILE } from "../guest/cpio.ts";
import { onlyEntry } from "../guest/debian-kernel.ts";
import {
  console,
  folder,
  link,
  type MachineImage,
  type MachineProfile,
  moduleEntries,
} from "../machine/image.ts";
import { repositoryRoot } from "../repository.ts";

const BOOTABLE = "vmlinuz";
const GUEST = "guest.cpio";
const GUEST_INIT = "xen/guest-init.sh";
const GUEST_MODULES = ["xen-blkfront", "xen-netfront"];
const GUEST_APPLETS = [
  ...["sh", "mount", "cat", "echo", "sleep", "ls", "insmod", "ip", "dd", "grep", "free", "nproc", "uptime"],
  ...["setsid", "cttyhack", "poweroff", "reboot"],
];
/** Node takes a good part of it; the rest is for guests. */
const DOM0_MIB = 704;
const XEN = `com1=115200,8n1 console=com1 loglvl=error guest_loglvl=error dom0_mem=${DOM0_MIB}M,max:${DOM0_MIB}M bootscrub=0 spec-ctrl=no xpti=0 dom0_max_vcpus=1`;
const LINUX = "console=hvc0 quiet mitigations=off panic=-1";

/**
 * A host of Xen: the machine is its dom0. KVM is of no use to it: Xen's first instructions stop there on some
 * computers.
 */
export const XEN_HOST: MachineProfile = {
  name: "xen",
  sources: ["xen/dom0-init.sh", GUEST_INIT, "xen/profile.ts"],
  // Debian's scripts for it are for bash and util-linux.
  packages: ["xen-system-amd64", "qemu-system-xen"],
  modules: [
    ...["bridge", "loop", "virtio_blk", "xenfs", "xen-blkback", "xen-netback"],
    ...["xen-evtchn", "xen-gntdev", "xen-gntalloc", "xen-privcmd"],
  ],
  folders: [],
  // Programs of Python are not among those that `xl` takes.
  notNeeded:
    /^(usr\/share\/(doc|man|info|locale|bash-completion|lintian|python3|perl5|bug|zsh|pixmaps|iso-codes|xml|qemu\/(skiboot|slof|openbios|opensbi|hppa|s390|palcode|u-boot|npcm|vof).*)|usr\/lib\/python3.*|usr\/lib\/udev|usr\/lib\/systemd|usr\/bin\/(python3.*|perl.*|.*debconf.*)|usr\/lib\/x86_64-linux-gnu\/(gconv|security|perl.*)|usr\/lib\/debug|boot|var)$/,
  ready: /XEN-HOST-READY/,
  memoryMib: 1408,
  extras: async ({ root, vmlinuz, modules }, signal) => ({
    [BOOTABLE]: await readFile(vmlinuz),
    xen: gunzipSync(await readFile(await onlyEntry(join(root, "boot"), /^xen-[\d.]+-amd64\.gz$/))),
    [GUEST]: cpioArchive(await guestEntries(root, modules, signal)),
  }),
  boot: (image) => [
    ...["-accel", "tcg,thread=single", "-smp", "1"],
    // Without smap, by which QEMU faults the first return of dom0's kernel to its programs; and without the wide registers,
    // which now and then reach a program of dom0 broken when they are emulated below Xen.
    ...["-cpu", "max,-smap,-avx,-avx2,-fma,-f16c,-xsave"],
    ...["-kernel", join(image.dir, "xen"), "-append", XEN],
    ...["-initrd", `${image.kernel} ${LINUX},${image.system}`],
  ],
};

/** A guest with a shell on its console, as files of the host. */
export function xenGuestOf(image: MachineImage): {
  readonly kernel: string;
  /** The same as firmware starts it. */
  readonly bootable: string;
  readonly guest: string;
} {
  return { kernel: image.kernel, bootable: join(image.dir, BOOTABLE), guest: join(image.dir, GUEST) };
}

async function guestEntries(root: string, modules: string, signal: AbortSignal): Promise<CpioEntry[]> {
  const script = (text: string): Buffer => Buffer.from(`#!/bin/sh\n${text}\n`);
  return [
    ...["bin", "sbin", "proc", "sys", "dev", "mnt"].map((path) => folder(path)),
    console,
    { path: "bin/busybox", mode: FILE | 0o755, data: await readFile(join(root, "usr/bin/busybox")) },
    ...GUEST_APPLETS.map((name) => link(`bin/${name}`, "busybox")),
    // What the kernel starts when its host asks it to end: there is no init that would do it.
    { path: "sbin/poweroff", mode: FILE | 0o755, data: script("exec /bin/poweroff -f") },
    { path: "sbin/reboot", mode: FILE | 0o755, data: script("exec /bin/reboot -f") },
    {
      path: "init",
      mode: FILE | 0o755,
      data: await readFile(join(repositoryRoot(), "packages/lab/src", GUEST_INIT)),
    },
    ...(await moduleEntries(modules, GUEST_MODULES, signal)),
  ];
}
