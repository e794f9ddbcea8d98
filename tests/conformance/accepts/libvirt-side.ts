import { randomUUID } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { messageOf } from "@virtmesh/core/errors";
import { Child, run } from "@virtmesh/lab/process";
import { PYTHON, programOf } from "../../bench/libvirt/daemon.ts";
import type { GuestCase } from "./cases.ts";
import { needsOf } from "./needs.ts";
import { succeeds } from "./provide.ts";
import type { Side, Trial } from "./side.ts";

const READY_MS = 20_000;
const START_MS = 30_000;
const XML = "/run/guest.xml";

/** libvirt's own daemon, with the configuration of Debian's package but what it takes to run here. */
export class LibvirtSide implements Side {
  static async open(): Promise<LibvirtSide> {
    await rm("/etc/libvirt/qemu", { recursive: true, force: true });
    await mkdir("/run/libvirt", { recursive: true });
    await mkdir("/var/log/libvirt/qemu", { recursive: true });
    await writeFile("/etc/machine-id", `${randomUUID().replaceAll("-", "")}\n`);
    await writeFile("/etc/libvirt/libvirtd.conf", DAEMON_CONFIG);
    await writeFile("/etc/libvirt/qemu.conf", QEMU_CONFIG);
    const argv = [PYTHON, programOf("daemon.py"), "/run/notify", "libvirtd", "-p", "/run/libvirtd.pid"];
    const child = await Child.start(argv, { name: "libvirtd", logFile: "/run/libvirtd.out" });
    await child.line(/^READY$/, AbortSignal.timeout(READY_MS));
    return new LibvirtSide(child);
  }

  readonly #daemon: Child;
  readonly #networks = new Set<string>();
  readonly #secrets = new Set<string>();

  private constructor(daemon: Child) {
    this.#daemon = daemon;
  }

  async try({ xml }: GuestCase): Promise<Trial> {
    const needs = needsOf(xml);
    for (const name of needs.networks) await this.#network(name);
    for (const secret of needs.secrets) await this.#secret(secret);
    await writeFile(XML, xml);
    const name = /<name>([^<]*)<\/name>/.exec(xml)?.[1] ?? "";
    const domain = unescape(name);
    try {
      await virsh("define", XML);
      await virsh("start", "--paused", "--domain", domain);
      return { up: true, why: "paused" };
    } catch (e) {
      return { up: false, why: messageOf(e) };
    } finally {
      await succeeds(["virsh", "-q", "destroy", "--domain", domain]);
      await succeeds(["virsh", "-q", "undefine", "--nvram", "--domain", domain]);
    }
  }

  /** A network of that name: a bridge that is there, so that nothing else has to run for it. */
  async #network(name: string): Promise<void> {
    if (this.#networks.has(name)) return;
    this.#networks.add(name);
    await succeeds(["ip", "link", "add", "br-net", "type", "bridge"]);
    await writeFile(
      XML,
      `<network><name>${name}</name><forward mode='bridge'/><bridge name='br-net'/></network>`,
    );
    await succeeds(["virsh", "-q", "net-define", XML]);
    await succeeds(["virsh", "-q", "net-start", name]);
  }

  async #secret({ uuid, usage }: ReturnType<typeof needsOf>["secrets"][number]): Promise<void> {
    const key = uuid ?? `${usage?.type} ${usage?.name}`;
    if (this.#secrets.has(key)) return;
    this.#secrets.add(key);
    const id = uuid ?? randomUUID();
    const element = { ceph: "name", iscsi: "target", tls: "name", volume: "volume", vtpm: "name" }[
      usage?.type ?? "volume"
    ];
    const type = usage?.type ?? "volume";
    const inside = `<${element}>${usage?.name ?? `/secret/${id}`}</${element}>`;
    await writeFile(
      XML,
      `<secret ephemeral='no' private='no'><uuid>${id}</uuid><usage type='${type}'>${inside}</usage></secret>`,
    );
    await succeeds(["virsh", "-q", "secret-define", XML]);
    await succeeds([
      "virsh",
      "-q",
      "secret-set-value",
      id,
      "--base64",
      Buffer.from("secret secret secret secret").toString("base64"),
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#daemon.kill("SIGKILL");
    await this.#daemon.exited;
  }
}

async function virsh(...args: readonly string[]): Promise<void> {
  await run(["virsh", "-q", ...args], { signal: AbortSignal.timeout(START_MS) });
}

function unescape(text: string): string {
  return text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&apos;", "'")
    .replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&");
}

const DAEMON_CONFIG = [
  `host_uuid = "${randomUUID()}"`,
  'auth_unix_rw = "none"',
  'log_outputs = "3:file:/var/log/libvirt/libvirtd.log"',
  "",
].join("\n");

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
