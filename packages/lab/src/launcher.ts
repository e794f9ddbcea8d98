import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import type { Scope } from "@virtmesh/kit/scope";
import type { Authority } from "./authority.ts";
import type { Host } from "./hosts.ts";
import { repositoryRoot } from "./repository.ts";
import { freePort, Service } from "./service.ts";
import { CGROUP2_HOST } from "./container/cgroup2-host.ts";
import { bundleAgent, pinnedNode } from "./machine/agent-bundle.ts";
import type { MachineProfile } from "./machine/image.ts";
import { Machine, OUTSIDE } from "./machine/machine.ts";
import { XEN_HOST } from "./xen/profile.ts";

export type AgentKind = "qemu" | "lxc" | "xen" | "esx" | "hyperv" | "test";

/** Where an agent is to run. */
export interface Place {
  readonly name: string;
  readonly address: string;
  readonly namespace?: Host;
  /** In a machine of its own, which is booted for it. */
  readonly emulated?: boolean;
}

/** One host of a running mesh. */
export interface MeshHost {
  readonly name: string;
  /** Under which other hosts reach it. */
  readonly address: string;
  /** Connection URI: `qemu://host-a/system`. */
  readonly uri: string;
  readonly agent: Service;
  /** Survives a restart of the agent; where it keeps definitions and journals. */
  readonly stateDir: string;
  readonly runDir: string;
  /** An empty folder for disk images. With loopback addresses all hosts share one file system. */
  readonly imageDir: string;
  /** Only with `netns`. */
  readonly namespace?: Host;
  /** Where it is an emulated one: `stateDir`, `runDir` and `imageDir` are in it. */
  readonly machine?: Machine;
}

/** The host name in the certificates of NATS and the gateway. */
export const HUB = "hub";
const PATHS = {
  qemu: "/system",
  lxc: "/system",
  xen: "/system",
  esx: "/",
  hyperv: "/",
  test: "/default",
} as const satisfies Record<AgentKind, string>;

/**
 * LXC finds bridges in /sys, which shows the network of whoever mounted it: one of its own for an agent in a namespace,
 * with the control groups of this computer put back.
 */
const OWN_SYS = `set -e
groups=$(mktemp -d)
mount --rbind /sys/fs/cgroup "$groups"
mount -t sysfs sysfs /sys
mount --rbind "$groups" /sys/fs/cgroup
umount -l "$groups"
rmdir "$groups"
exec "$@"`;
const WITH_OWN_SYS = ["unshare", "--mount", "sh", "-c", OWN_SYS, "sh"];

/** What all processes of one mesh have in common. */
export interface LaunchContext {
  readonly dir: string;
  readonly natsUrl: string;
  readonly authority: Authority | undefined;
  /** TLS folder with which their readiness is tested. */
  readonly clientTlsDir: string | undefined;
  readonly env: Readonly<Record<string, string>> | undefined;
  /** Raw images that all emulated hosts have as disks. */
  readonly sharedDisks: readonly string[];
  /** Owns every process from its start on. */
  readonly scope: Scope;
}

interface Launch {
  readonly name: string;
  /** In the certificate. */
  readonly host: string;
  readonly program: string;
  readonly address: string;
  readonly port: number;
  readonly metricsPort: number;
  readonly logFile: string;
  readonly tlsDir: string | undefined;
  readonly args: readonly string[];
  readonly enter?: readonly string[];
  /** Where it listens, if that is not the address at which it is reached. */
  readonly listen?: string;
  readonly natsUrl?: string;
  readonly node?: string;
  readonly readyMs?: number;
}

/** What Node made of this checkout's TypeScript is kept: a process is up in half the time, and tests start hundreds. */
export function compiled(): Readonly<Record<string, string>> {
  return { NODE_COMPILE_CACHE: join(repositoryRoot(), ".cache/compiled") };
}

/** Where a machine in a namespace can be sent the memory of guests: the first ports of the agent's range. */
const MIGRATION_PORTS = [49152, 49153, 49154, 49155];
const FAULT_POINTS = "VIRTMESH_FAULT_POINTS";
const FAULT_POINTS_PORT = 7700;
/** An emulated processor takes its time to start an agent, more so when all of this computer is busy. */
const MACHINE_READY_MS = 180_000;
/** A list names a host that has not answered by then: a busy one here answers late, and one that is gone refuses at once. */
const HOST_TIMEOUT = ["--host-timeout", "20s"];
/** Hosts that can be emulated machines. Xen runs on nothing else here. */
const MACHINES: Readonly<Partial<Record<AgentKind, MachineProfile>>> = { xen: XEN_HOST, lxc: CGROUP2_HOST };

/** Starts the processes of one mesh, each as a user would on a command line. */
export class Launcher {
  readonly #context: LaunchContext;

  constructor(context: LaunchContext) {
    this.#context = context;
  }

  async gateway(
    address: string,
    preferredPort: number | undefined,
    args: readonly string[],
  ): Promise<Service> {
    return await this.#launch({
      name: "the gateway",
      host: HUB,
      program: join(repositoryRoot(), "services/gateway/src/main.ts"),
      address,
      port: await freePort(address, preferredPort),
      metricsPort: await freePort(address),
      logFile: await this.#logFile("gateway"),
      tlsDir: await this.#context.authority?.host(HUB, "gateway", [address, "localhost"]),
      args: [...HOST_TIMEOUT, ...args],
    });
  }

  async host(kind: AgentKind, place: Place, args: readonly string[]): Promise<MeshHost> {
    const emulated = place.emulated === true || kind === "xen";
    return emulated ? await this.#machine(kind, place, args) : await this.#ownHost(kind, place, args);
  }

  async #ownHost(kind: AgentKind, place: Place, args: readonly string[]): Promise<MeshHost> {
    const { name, address, namespace } = place;
    const folder = (what: string): string => join(this.#context.dir, name, what);
    const [stateDir, runDir, imageDir] = [folder("state"), folder("run"), folder("images")];
    for (const made of [stateDir, runDir, imageDir]) await mkdir(made, { recursive: true });
    const agent = await this.#launch({
      name: `the agent of ${name}`,
      host: name,
      program: join(repositoryRoot(), `services/${kind}-agent/src/main.ts`),
      address,
      // A namespace has all its ports to itself.
      port: namespace ? 7771 : await freePort(address),
      metricsPort: namespace ? 9771 : await freePort(address),
      logFile: await this.#logFile(name),
      tlsDir: await this.#context.authority?.host(name, "agent", [address]),
      args: [
        ...["--host", name, "--data-address", address, "--state-dir", stateDir, "--run-dir", runDir],
        ...args,
      ],
      ...(namespace ? { enter: [...namespace.enter, ...(kind === "lxc" ? WITH_OWN_SYS : [])] } : {}),
    });
    const uri = `${kind}://${name}${PATHS[kind]}`;
    return { name, address, uri, agent, stateDir, runDir, imageDir, ...(namespace ? { namespace } : {}) };
  }

  /** A machine of its own, booted for it, with the agent in it. */
  async #machine(
    kind: AgentKind,
    { name, address, namespace }: Place,
    args: readonly string[],
  ): Promise<MeshHost> {
    const profile = MACHINES[kind];
    if (profile === undefined)
      throw new VirtError("HOST_SETUP", `the lab has no machine that could be emulated for ${kind}-agent`);
    const { dir, scope, authority, natsUrl, sharedDisks } = this.#context;
    const shared = join(dir, name);
    // A namespace has all its ports to itself.
    const ports = namespace
      ? { port: 7771, metricsPort: 9771 }
      : { port: await freePort(address), metricsPort: await freePort(address) };
    const tlsDir = await authority?.host(name, "agent", [address]);
    const logFile = await this.#logFile(name);
    const machine = scope.own(
      await Machine.start({
        ...{ profile, name, address, namespace, dir: shared, signal: scope.signal },
        disks: sharedDisks,
        shared: tlsDir === undefined ? [] : [join(dir, "tls")],
        ports: [...Object.values(ports), ...(namespace ? MIGRATION_PORTS : [])],
      }),
    );
    const { program, code } = await bundleAgent(`services/${kind}-agent/src/main.ts`, shared, scope.signal);
    const [stateDir, runDir, imageDir] = ["/tmp/state", "/run/agent", "/tmp/images"];
    await machine.exec(["mkdir", "-p", imageDir]);
    const agent = await this.#launch({
      ...{ name: `the agent of ${name}`, host: name, program, address, ...ports, logFile, tlsDir },
      ...{ listen: "0.0.0.0", node: pinnedNode(), readyMs: MACHINE_READY_MS },
      natsUrl: namespace ? natsUrl : natsUrl.replace(/\/\/[^:]+/, `//${OUTSIDE}`),
      enter: [...machine.enter, "env", `NODE_COMPILE_CACHE=${code}`, ...(await this.#faultPointsIn(machine))],
      args: [
        ...["--host", name, "--data-address", address, "--state-dir", stateDir, "--run-dir", runDir],
        ...args,
      ],
    });
    const uri = `${kind}://${name}${PATHS[kind]}`;
    return {
      ...{ name, address, uri, agent, stateDir, runDir, imageDir, machine },
      ...(namespace ? { namespace } : {}),
    };
  }

  /** The variables of this computer do not come into a machine; those who hold agents must reach them there too. */
  async #faultPointsIn(machine: Machine): Promise<readonly string[]> {
    const socket = this.#context.env?.[FAULT_POINTS];
    if (socket === undefined) return [];
    await machine.bringIn(socket, FAULT_POINTS_PORT);
    return [`${FAULT_POINTS}=127.0.0.1:${FAULT_POINTS_PORT}`];
  }

  async #logFile(name: string): Promise<string> {
    const folder = join(this.#context.dir, "log");
    await mkdir(folder, { recursive: true });
    return join(folder, `${name}.log`);
  }

  async #launch(what: Launch): Promise<Service> {
    const { natsUrl, clientTlsDir, env, scope } = this.#context;
    const [address, metrics] = [`${what.address}:${what.port}`, `${what.address}:${what.metricsPort}`];
    const listen = what.listen ?? what.address;
    const argv = [
      ...(what.enter ?? []),
      ...[what.node ?? process.execPath, what.program],
      ...["--listen", `${listen}:${what.port}`, "--metrics", `${listen}:${what.metricsPort}`],
      ...["--nats", what.natsUrl ?? natsUrl],
      ...(what.tlsDir === undefined ? [] : ["--tls-dir", what.tlsDir]),
      ...what.args,
    ];
    const service = await Service.start(
      {
        name: what.name,
        argv,
        address,
        metrics,
        logFile: what.logFile,
        ...(clientTlsDir === undefined ? {} : { tls: { caller: clientTlsDir, serverName: what.host } }),
        env: { ...compiled(), ...env },
        ...(what.readyMs === undefined ? {} : { readyMs: what.readyMs }),
      },
      scope.signal,
    );
    return scope.own(service);
  }
}
