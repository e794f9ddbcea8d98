import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Scope } from "@virtmesh/kit/scope";
import type { Authority } from "./authority.ts";
import type { Host } from "./hosts.ts";
import { repositoryRoot } from "./repository.ts";
import { freePort, Service } from "./service.ts";

export type AgentKind = "qemu" | "lxc" | "esx" | "hyperv" | "test";

/** Where an agent is to run. */
export interface Place {
  readonly name: string;
  readonly address: string;
  readonly namespace?: Host;
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
}

/** The host name in the certificates of NATS and the gateway. */
export const HUB = "hub";
const PATHS = {
  qemu: "/system",
  lxc: "/system",
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
}

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
      program: "services/gateway/src/main.ts",
      address,
      port: await freePort(address, preferredPort),
      metricsPort: await freePort(address),
      logFile: await this.#logFile("gateway"),
      tlsDir: await this.#context.authority?.host(HUB, "gateway", [address, "localhost"]),
      args,
    });
  }

  async host(kind: AgentKind, place: Place, args: readonly string[]): Promise<MeshHost> {
    const { name, address, namespace } = place;
    const folder = (what: string): string => join(this.#context.dir, name, what);
    const [stateDir, runDir, imageDir] = [folder("state"), folder("run"), folder("images")];
    for (const made of [stateDir, runDir, imageDir]) await mkdir(made, { recursive: true });
    const agent = await this.#launch({
      name: `the agent of ${name}`,
      host: name,
      program: `services/${kind}-agent/src/main.ts`,
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

  async #logFile(name: string): Promise<string> {
    const folder = join(this.#context.dir, "log");
    await mkdir(folder, { recursive: true });
    return join(folder, `${name}.log`);
  }

  async #launch(what: Launch): Promise<Service> {
    const { natsUrl, clientTlsDir, env, scope } = this.#context;
    const [address, metrics] = [`${what.address}:${what.port}`, `${what.address}:${what.metricsPort}`];
    const argv = [
      ...(what.enter ?? []),
      ...[process.execPath, join(repositoryRoot(), what.program)],
      ...["--listen", address, "--metrics", metrics, "--nats", natsUrl],
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
        ...(env ? { env } : {}),
      },
      scope.signal,
    );
    return scope.own(service);
  }
}
