import { randomUUID } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Need } from "@virtmesh/lab/apt";
import type { Host } from "@virtmesh/lab/hosts";
import type { Child } from "@virtmesh/lab/process";
import { repositoryRoot } from "@virtmesh/lab/repository";

/** What the comparison takes. Nothing of it is started by Debian's packages' own units here. */
export const LIBVIRT_NEEDS: readonly Need[] = [
  { package: "libvirt-daemon", file: "libvirtd" },
  {
    package: "libvirt-daemon-driver-qemu",
    file: "/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so",
  },
  { package: "libvirt-clients", file: "virsh" },
  { package: "python3-libvirt", file: "/usr/lib/python3/dist-packages/libvirt.py" },
];

/** Debian's own Python: the module libvirt is built for it alone. */
export const PYTHON = "/usr/bin/python3";

export function programOf(name: string): string {
  return join(repositoryRoot(), "tests/bench/libvirt", name);
}

const READY_MS = 20_000;

/** A libvirtd of its own on a host made of a namespace: own /run/libvirt, /etc/libvirt, host name and machine id. */
export class LibvirtDaemon implements AsyncDisposable {
  readonly host: Host;
  readonly pid: number;
  readonly #child: Child;

  private constructor(host: Host, pid: number, child: Child) {
    this.host = host;
    this.pid = pid;
    this.#child = child;
  }

  static async start(host: Host, dir: string): Promise<LibvirtDaemon> {
    const folder = (name: string): string => join(dir, name);
    for (const name of ["run", "lib", "etc", "cache", "log"]) await mkdir(folder(name), { recursive: true });
    await writeFile(folder("machine-id"), `${randomUUID().replaceAll("-", "")}\n`);
    await writeFile(folder("etc/libvirtd.conf"), daemonConfig());
    await writeFile(folder("etc/qemu.conf"), QEMU_CONFIG);
    // Debian's libvirtd looks its user up even when qemu.conf names another; only libvirt-daemon-system makes it.
    for (const name of ["passwd", "group"]) {
      const nobody = name === "passwd" ? "libvirt-qemu:x:64055:64055::/:/bin/false" : "libvirt-qemu:x:64055:";
      const there = (await readFile(`/etc/${name}`, "utf8")).split("\n").filter((l) => l !== "");
      await writeFile(
        folder(name),
        [...there.filter((l) => !l.startsWith("libvirt-qemu:")), nobody, ""].join("\n"),
      );
    }
    const mounts = [
      `hostname ${host.name}`,
      `mount --bind ${folder("machine-id")} /etc/machine-id`,
      `mount --bind ${folder("passwd")} /etc/passwd`,
      `mount --bind ${folder("group")} /etc/group`,
      `mkdir -p ${folder("run/libvirt")}`,
      `mkdir -p /run/libvirt /var/lib/libvirt /etc/libvirt /var/cache/libvirt /var/log/libvirt`,
      `mount --bind ${folder("run/libvirt")} /run/libvirt`,
      `mount --bind ${folder("lib")} /var/lib/libvirt`,
      `mount --bind ${folder("etc")} /etc/libvirt`,
      `mount --bind ${folder("cache")} /var/cache/libvirt`,
      `mount --bind ${folder("log")} /var/log/libvirt`,
    ];
    const daemon = `exec ${PYTHON} ${programOf("daemon.py")} ${folder("notify")} libvirtd --listen -p /run/libvirt/daemon.pid`;
    const child = await host.spawn(
      ["unshare", "-m", "-u", "--propagation", "private", "bash", "-ec", [...mounts, daemon].join("\n")],
      { name: `libvirtd of ${host.name}`, logFile: folder("log/out") },
    );
    try {
      const pid = (await child.line(/^PID (\d+)$/, AbortSignal.timeout(READY_MS)))[1];
      await child.line(/^READY$/, AbortSignal.timeout(READY_MS));
      return new LibvirtDaemon(host, Number(pid), child);
    } catch (e) {
      await child[Symbol.asyncDispose]();
      throw e;
    }
  }

  get uri(): string {
    return `qemu+tcp://${this.host.address}/system`;
  }

  /** SIGSTOP: it holds its sockets and answers nothing. */
  pause(): void {
    process.kill(this.pid, "SIGSTOP");
  }

  resume(): void {
    process.kill(this.pid, "SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }
}

function daemonConfig(): string {
  return [
    `host_uuid = "${randomUUID()}"`,
    'auth_unix_rw = "none"',
    'auth_tcp = "none"',
    "listen_tcp = 1",
    "listen_tls = 0",
    "max_clients = 5000",
    "max_anonymous_clients = 100",
    'log_outputs = "3:file:/var/log/libvirt/libvirtd.log"',
    "",
  ].join("\n");
}

const QEMU_CONFIG = [
  'user = "root"',
  'group = "root"',
  "dynamic_ownership = 0",
  "remember_owner = 0",
  'security_driver = "none"',
  "cgroup_controllers = []",
  "namespaces = []",
  'stdio_handler = "file"',
  "",
].join("\n");
