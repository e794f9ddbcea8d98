import { copyFile, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CONTAINER_NEEDS, ensurePackages } from "../apt.ts";

const FOLDERS = ["bin", "sbin", "etc", "proc", "sys", "dev", "tmp", "root", "run", "var"];
const APPLETS = [
  "sh",
  "init",
  "ls",
  "cat",
  "echo",
  "sleep",
  "kill",
  "mount",
  "touch",
  "dd",
  "ip",
  "ps",
  "test",
];

/** A shell on the console, which comes back when it ends; the signals of busybox's init are its own. */
const INITTAB = `::sysinit:/bin/mount -t tmpfs tmpfs /run
console::respawn:-/bin/sh
`;

/** Makes the files of a container out of this machine's busybox: a system that boots in milliseconds and hears signals. */
export async function makeRootfs(dir: string): Promise<void> {
  await ensurePackages(CONTAINER_NEEDS);
  for (const folder of FOLDERS) await mkdir(join(dir, folder), { recursive: true });
  await copyFile("/bin/busybox", join(dir, "bin/busybox"));
  for (const applet of APPLETS) await symlink("busybox", join(dir, "bin", applet));
  await symlink("../bin/busybox", join(dir, "sbin/init"));
  await writeFile(join(dir, "etc/inittab"), INITTAB);
}
