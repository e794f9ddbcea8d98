import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Domain, DomainServiceService as D } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { CONTAINER_NEEDS, ensurePackages } from "@virtmesh/lab/apt";
import { makeRootfs } from "@virtmesh/lab/container/rootfs";
import { PATIENT_LEASE } from "@virtmesh/lab/machine/machine";
import type { MeshHost } from "@virtmesh/lab/launcher";
import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";
import { runOnConsole } from "../console-command.ts";
import { Watching } from "../watching.ts";

/** One host with containers: this computer in a network namespace with a bridge on it, or an emulated machine. */
export class ContainerHost implements AsyncDisposable {
  readonly mesh: RunningMesh;
  readonly host: MeshHost;
  readonly #made: string[] = [];

  private constructor(mesh: RunningMesh, host: MeshHost) {
    this.mesh = mesh;
    this.host = host;
  }

  static async start(): Promise<ContainerHost> {
    await ensurePackages(CONTAINER_NEEDS);
    const mesh = await startMesh({ agents: "lxc", netns: true, hosts: ["host-a"] });
    const [host] = mesh.hosts;
    if (host?.namespace === undefined) throw new Error("the mesh has no host");
    for (const words of [
      "link add lxbr type bridge",
      "address add 10.99.0.1/24 dev lxbr",
      "link set lxbr up",
    ]) {
      await host.namespace.exec(["ip", ...words.split(" ")]);
    }
    return new ContainerHost(mesh, host);
  }

  /** A machine of its own, whose control groups are all of the second version. */
  static async emulated(): Promise<ContainerHost> {
    const mesh = await startMesh({
      ...{ agents: "lxc", hosts: ["host-v2"], emulated: true },
      ...{ agentArguments: PATIENT_LEASE, gatewayArguments: PATIENT_LEASE },
    });
    const [host] = mesh.hosts;
    if (host === undefined) throw new Error("the mesh has no host");
    return new ContainerHost(mesh, host);
  }

  /** Runs a command on the host, beside its agent. */
  async exec(argv: readonly string[]): Promise<string> {
    const { machine, namespace } = this.host;
    return (await (machine ?? namespace)?.exec(argv))?.stdout ?? "";
  }

  /** Files of a new system; the folder's path. */
  async root(): Promise<string> {
    const { machine, imageDir, name } = this.host;
    const root = join(machine === undefined ? this.mesh.dir : imageDir, "roots", randomUUID());
    if (machine === undefined) {
      await mkdir(root, { recursive: true });
      await makeRootfs(root);
      return root;
    }
    // It sees that folder of this computer, and can only read it.
    const made = join(this.mesh.dir, name, "rootfs");
    if (!existsSync(made)) await makeRootfs(made);
    await machine.exec(["mkdir", "-p", join(root, "..")]);
    await machine.exec(["cp", "-a", made, root]);
    return root;
  }

  /** Defines and starts a container. */
  async container(
    name: string,
    more: { root?: string; devices?: string; head?: string; features?: string } = {},
  ): Promise<Domain> {
    const { devices = "", head = "", features = "<privnet/>" } = more;
    const root = more.root ?? (await this.root());
    const xml = `<domain type='lxc'><name>${name}</name>${head}<memory unit='MiB'>64</memory><vcpu>2</vcpu>
      <os><type>exe</type><init>/sbin/init</init></os><features>${features}</features>
      <devices><filesystem type='mount'><source dir='${root}'/><target dir='/'/></filesystem>${devices}</devices></domain>`;
    const { uri } = this.host;
    await this.mesh.unary(D.defineDomain, { uri, requestId: "", xml, validateOnly: false, etag: "" });
    this.#made.push(name);
    return await this.start(name);
  }

  start(domain: string): Promise<Domain> {
    return this.mesh.unary(D.startDomain, {
      uri: this.host.uri,
      requestId: "",
      domain,
      paused: false,
      forceBoot: false,
    });
  }

  get(domain: string): Promise<Domain> {
    return this.mesh.unary(D.getDomain, { uri: this.host.uri, domain });
  }

  /** Types a command on the console and reads what it says up to its end. */
  async run(domain: string, command: string): Promise<string> {
    return await runOnConsole(this.mesh, this.host.uri, domain, command);
  }

  /** Events of a container from now on, as `name type detail`. Begun before it is made, none of them is missed or unexpected. */
  async watch(domain: string): Promise<Watching> {
    return await Watching.begin(this.mesh, this.host.uri, undefined, domain);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const domain of this.#made) {
      await this.mesh
        .unary(D.destroyDomain, { uri: this.host.uri, requestId: "", domain })
        .catch(() => undefined);
    }
    await this.mesh[Symbol.asyncDispose]();
  }
}
