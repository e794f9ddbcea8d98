import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import { ensurePackages, NAMESPACE_NEEDS } from "./apt.ts";
import { errnoOf } from "./errno.ts";
import { isOwned, thisProcess } from "./owner.ts";
import { Child, type ChildOptions, run, type RunOptions, type RunResult } from "./process.ts";

/** A host made of a network namespace. Its file system and its clock are this computer's. */
export interface Host {
  readonly name: string;
  readonly address: string;
  /** Runs a program there to its end; a failure is HOST_SETUP. */
  exec(argv: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Starts a program there; it ends with the hosts at the latest. */
  spawn(argv: readonly string[], options: ChildOptions): Promise<Child>;
  /** The words to put before a command so that it runs there. */
  readonly enter: readonly string[];
  /** Pulls the cable: whoever sends from this host is told that the network is down. */
  linkDown(): Promise<void>;
  linkUp(): Promise<void>;
  /**
   * Drops what goes between this host and another one, both ways, and tells nobody; without `other`, all that
   * enters or leaves this host. What others exchange is not touched.
   */
  blackhole(other?: Host): Promise<void>;
  /** Undoes `blackhole`, all of it. */
  heal(): Promise<void>;
  /** A file system of this size, for full disks; answers its folder. */
  tmpfs(bytes: number): Promise<string>;
}

/** Hosts on one bridge, with this computer at its first address: NATS and the gateway listen there. */
export interface Hosts extends AsyncDisposable {
  readonly hosts: readonly Host[];
  /** Address of this computer on the bridge. */
  readonly address: string;
}

export interface HostsOptions {
  /** Default `host-a` and `host-b`. */
  readonly names?: readonly string[];
  readonly signal?: AbortSignal;
}

const CLAIMS = "/run/virtmesh-lab";
/** The second byte of our addresses, 10.213.N.0/24; N is claimed per run. */
const NETWORK = 213;
const LAST_CLAIM = 254;
/** A station that no host has: a bridge floods frames to it and nobody takes them. */
const NOBODY = "02:00:00:00:de:ad";

/**
 * Makes hosts out of network namespaces; needs root. All of it is removed on dispose, with every process that
 * still runs in the namespaces; what a killed run left is removed here first. Two runs at once do not meet.
 */
export async function makeHosts(options: HostsOptions = {}): Promise<Hosts> {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    throw new VirtError("HOST_SETUP", "hosts in network namespaces need root on Linux; run this as root");
  }
  await ensurePackages(NAMESPACE_NEEDS, undefined, options.signal);
  await removeLeftovers();
  const claim = await claimNumber();
  const names = options.names ?? ["host-a", "host-b"];
  try {
    await ip(["link", "add", "name", claim.bridge, "type", "bridge"]);
    await ip(["addr", "add", `${claim.prefix}.1/24`, "dev", claim.bridge]);
    await ip(["link", "set", claim.bridge, "up"]);
    const hosts: NamespaceHost[] = [];
    for (const [index, name] of names.entries()) hosts.push(await NamespaceHost.make(claim, name, index));
    return {
      hosts,
      address: `${claim.prefix}.1`,
      [Symbol.asyncDispose]: async () => await removeClaim(claim),
    };
  } catch (e) {
    await removeClaim(claim);
    throw e;
  }
}

/** Everything one run makes has the claim's number in its name. */
interface Claim {
  readonly file: string;
  readonly mounts: string;
  readonly bridge: string;
  readonly namespace: string;
  readonly prefix: string;
}

function claimOf(number: number): Claim {
  return {
    file: join(CLAIMS, `${number}.json`),
    mounts: join(CLAIMS, `${number}.mnt`),
    bridge: `vmlab${number}`,
    namespace: `vmlab${number}-`,
    prefix: `10.${NETWORK}.${number}`,
  };
}

async function claimNumber(): Promise<Claim> {
  const owner = JSON.stringify(await thisProcess());
  const first = randomBytes(1).readUInt8(0) % LAST_CLAIM;
  for (let i = 0; i < LAST_CLAIM; i++) {
    const claim = claimOf(1 + ((first + i) % LAST_CLAIM));
    try {
      await writeFile(claim.file, owner, { flag: "wx" });
      return claim;
    } catch (e) {
      if (errnoOf(e) !== "EEXIST") throw e;
    }
  }
  throw new VirtError("LIMIT_REACHED", `all ${LAST_CLAIM} networks for lab hosts are taken; see ${CLAIMS}`);
}

async function removeLeftovers(): Promise<void> {
  await mkdir(CLAIMS, { recursive: true });
  for (const name of await readdir(CLAIMS)) {
    const number = /^(\d+)\.json$/.exec(name)?.[1];
    if (number === undefined) continue;
    const claim = claimOf(Number(number));
    if (await isOwned(claim.file)) continue;
    // Only one of two runs that start together gets to move it away.
    const mine = `${claim.file}.${process.pid}`;
    try {
      await rename(claim.file, mine);
    } catch (e) {
      if (errnoOf(e) === "ENOENT") continue;
      throw e;
    }
    await removeClaim({ ...claim, file: mine });
  }
}

async function removeClaim(claim: Claim): Promise<void> {
  const namespaces = (await ip(["netns", "list"])).stdout
    .split("\n")
    .map((line) => line.split(" ")[0] ?? "")
    .filter((name) => name.startsWith(claim.namespace));
  for (const namespace of namespaces) {
    await endProcesses(namespace);
    await ip(["netns", "del", namespace]);
  }
  const links = (await ip(["-o", "link", "show"])).stdout;
  if (links.includes(` ${claim.bridge}:`)) await ip(["link", "del", claim.bridge]);
  const mounts = (await readFile("/proc/self/mounts", "utf8"))
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  for (const mount of mounts.filter((m) => m.startsWith(`${claim.mounts}/`)))
    await run(["umount", "-l", mount]);
  await rm(claim.mounts, { recursive: true, force: true });
  await rm(claim.file, { force: true });
}

/** Whatever runs in a namespace of ours was started by us or by what we started. */
async function endProcesses(namespace: string): Promise<void> {
  const pids = (await ip(["netns", "pids", namespace])).stdout.split("\n").filter((line) => line !== "");
  for (const pid of pids) {
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch (e) {
      if (errnoOf(e) !== "ESRCH") throw e;
    }
  }
}

async function ip(args: readonly string[]): Promise<RunResult> {
  return await run(["ip", ...args]);
}

class NamespaceHost implements Host {
  readonly name: string;
  readonly address: string;
  readonly enter: readonly string[];
  readonly #claim: Claim;
  readonly #namespace: string;
  /** The bridge's end of this host's cable. */
  readonly #port: string;
  #blackholed: NamespaceHost[] = [];
  #mounts = 0;

  private constructor(claim: Claim, name: string, index: number) {
    this.name = name;
    this.address = `${claim.prefix}.${index + 2}`;
    this.#claim = claim;
    this.#namespace = `${claim.namespace}${name}`;
    this.#port = `${claim.bridge}p${index}`;
    this.enter = ["nsenter", `--net=/run/netns/${this.#namespace}`, "--"];
  }

  static async make(claim: Claim, name: string, index: number): Promise<NamespaceHost> {
    const host = new NamespaceHost(claim, name, index);
    await ip(["netns", "add", host.#namespace]);
    await host.#ip(["link", "set", "lo", "up"]);
    await ip(["link", "add", host.#port, "type", "veth", "peer", "name", "eth0", "netns", host.#namespace]);
    await ip(["link", "set", host.#port, "master", claim.bridge, "up"]);
    await host.#ip(["addr", "add", `${host.address}/24`, "dev", "eth0"]);
    await host.#ip(["link", "set", "eth0", "up"]);
    return host;
  }

  async exec(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return await run([...this.enter, ...argv], options);
  }

  async spawn(argv: readonly string[], options: ChildOptions): Promise<Child> {
    return await Child.start([...this.enter, ...argv], options);
  }

  async linkDown(): Promise<void> {
    await this.#ip(["link", "set", "eth0", "down"]);
  }

  async linkUp(): Promise<void> {
    await this.#ip(["link", "set", "eth0", "up"]);
  }

  async blackhole(other?: Host): Promise<void> {
    if (other === undefined) {
      // Off the bridge the cable stays lit, so nobody sees an error.
      await ip(["link", "set", this.#port, "nomaster"]);
      return;
    }
    if (!(other instanceof NamespaceHost))
      throw new VirtError("INTERNAL", `${other.name} is of another kind of host`);
    await this.#misdirect(other.address);
    await other.#misdirect(this.address);
    this.#blackholed.push(other);
  }

  async heal(): Promise<void> {
    await ip(["link", "set", this.#port, "master", this.#claim.bridge]);
    for (const other of this.#blackholed) {
      await this.#ip(["neigh", "del", other.address, "dev", "eth0"]);
      await other.#ip(["neigh", "del", this.address, "dev", "eth0"]);
    }
    this.#blackholed = [];
  }

  async tmpfs(bytes: number): Promise<string> {
    const folder = join(this.#claim.mounts, `${this.name}-${this.#mounts++}`);
    await mkdir(folder, { recursive: true });
    await run(["mount", "-t", "tmpfs", "-o", `size=${bytes}`, "virtmesh-lab", folder]);
    return folder;
  }

  async #misdirect(address: string): Promise<void> {
    await this.#ip(["neigh", "replace", address, "lladdr", NOBODY, "dev", "eth0", "nud", "permanent"]);
  }

  async #ip(args: readonly string[]): Promise<void> {
    await ip(["-n", this.#namespace, ...args]);
  }
}
