import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "@virtmesh/lab/process";
import type { GuestCase } from "./cases.ts";
import type { Trial } from "./side.ts";

/**
 * Starts every guest by that side and tells what became of each. It happens in a root of its own (this host's under a
 * layer that is thrown away), with devices, network and processes of its own, so that both sides find the same files,
 * and nothing of it is left. Only root can do that.
 */
export async function startAll(
  side: "agent" | "libvirt",
  cases: readonly GuestCase[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Trial>> {
  const dir = await mkdtemp(join(tmpdir(), "accepts-"));
  try {
    const list = join(dir, "cases.json");
    await writeFile(list, JSON.stringify(cases));
    const inside = join(import.meta.dirname, "inside.ts");
    const script = [...ROOT, `exec chroot . ${process.execPath} ${inside} ${side} ${list}`].join("\n");
    const { stdout } = await run(
      [
        "unshare",
        "--mount",
        "--net",
        "--uts",
        "--ipc",
        "--pid",
        "--fork",
        "--kill-child",
        "--propagation",
        "private",
        "bash",
        "-ec",
        script,
        "accepts",
        dir,
      ],
      { signal },
    );
    const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
    return new Map(
      lines.map((line): [string, Trial] => {
        const { name, up, why } = JSON.parse(line) as Trial & { readonly name: string };
        return [name, { up, why }];
      }),
    );
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Makes the root in the directory `$1` and stands in it. */
const ROOT = [
  'mkdir "$1/layer"',
  'mount -t tmpfs layer "$1/layer"',
  'mkdir "$1/layer/upper" "$1/layer/work" "$1/layer/root"',
  'mount -t overlay root -o "lowerdir=/,upperdir=$1/layer/upper,workdir=$1/layer/work" "$1/layer/root"',
  'cd "$1/layer/root"',
  "mount -t proc proc proc",
  "mount --rbind /sys sys",
  "mount -t tmpfs dev dev",
  "mkdir dev/net dev/pts dev/shm",
  "cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/loop-control dev/",
  "cp -a /dev/net/tun dev/net/",
  "for n in $(seq 0 31); do mknod dev/loop$n b 7 $n; done",
  "mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts",
  "ln -s pts/ptmx dev/ptmx",
  "ln -s /proc/self/fd dev/fd",
  "mount -t tmpfs run run",
  "mkdir run/lock",
  "ip link set lo up",
];
