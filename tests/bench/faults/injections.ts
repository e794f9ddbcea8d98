import { readdir, readFile, readlink, statfs } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { VirtError } from "@virtmesh/core/errors";
import { errnoOf } from "@virtmesh/lab/errno";
import type { Host } from "@virtmesh/lab/hosts";
import type { TwoHosts } from "../hosts-of.ts";

/** What a fault strikes. */
export interface Scenery {
  readonly hosts: TwoHosts;
  /** Where the destination's images are; a file system of its own. */
  readonly imageDir: string;
  /** The agent or daemon of the destination. */
  readonly daemon: { pause(): void; resume(): void };
}

export interface Fault {
  readonly name: string;
  /** Bytes there are for the destination's images; enough for them unless told. */
  readonly imageRoom?: number;
  /** Resolves when it has happened. */
  strike(on: Scenery): Promise<void>;
  /** Takes away what keeps the hosts from going on; nothing where the fault is over by itself. */
  mend(on: Scenery): Promise<void>;
}

const MIB = 2 ** 20;
/** Ports that libvirt and the agent give to NBD and to memory. */
const DATA_PORTS = { first: 49_152, last: 49_663 };
export const FAULTS: readonly Fault[] = [
  {
    name: "no-space",
    imageRoom: 128 * MIB,
    strike: async ({ imageDir }) => await untilFull(imageDir),
    mend: async () => undefined,
  },
  {
    name: "nbd-reset",
    strike: async ({ hosts }) => {
      const { first, last } = DATA_PORTS;
      const filter = [
        "dst",
        hosts.destination.address,
        "dport",
        "ge",
        `:${first}`,
        "dport",
        "le",
        `:${last}`,
      ];
      const { stdout } = await hosts.source.exec(["ss", "-H", "-K", "-t", "-n", ...filter]);
      if (stdout.trim() === "") throw new VirtError("INTERNAL", "there was no NBD connection to reset");
    },
    mend: async () => undefined,
  },
  {
    name: "destination-qemu-killed",
    strike: async ({ hosts }) => {
      const pids = await hypervisorsOn(hosts.destination);
      if (pids.length === 0) throw new VirtError("INTERNAL", "there was no QEMU to kill");
      for (const pid of pids) process.kill(pid, "SIGKILL");
    },
    mend: async () => undefined,
  },
  {
    name: "link-down",
    strike: async ({ hosts }) => await hosts.destination.linkDown(),
    mend: async ({ hosts }) => await hosts.destination.linkUp(),
  },
  {
    name: "packets-swallowed",
    strike: async ({ hosts }) => await hosts.destination.blackhole(),
    mend: async ({ hosts }) => await hosts.destination.heal(),
  },
  {
    name: "destination-daemon-hung",
    strike: async ({ daemon }) => daemon.pause(),
    mend: async ({ daemon }) => daemon.resume(),
  },
];

/** Waits until the copy itself has filled the file system. Nothing tells when a file system is full. */
async function untilFull(dir: string): Promise<void> {
  while ((await statfs(dir)).bavail > 0) await delay(2);
}

/** The QEMUs in a host's network namespace. */
async function hypervisorsOn(host: Host): Promise<readonly number[]> {
  const namespace = (await host.exec(["readlink", "/proc/self/ns/net"])).stdout.trim();
  const found: number[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number)) {
    try {
      const program = (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0")[0] ?? "";
      if (!basename(program).startsWith("qemu-system-")) continue;
      if ((await readlink(`/proc/${pid}/ns/net`)) === namespace) found.push(pid);
    } catch (e) {
      // It ended in the meantime.
      if (errnoOf(e) !== "ENOENT" && errnoOf(e) !== "ESRCH") throw e;
    }
  }
  return found;
}
