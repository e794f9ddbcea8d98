import type { MethodDefinition } from "@grpc/grpc-js";
import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import {
  Domain,
  DomainServiceService as D,
  type DomainStats,
  UndefineDomainRequest,
} from "@virtmesh/api/gen/virtmesh/v1/domain";
import { OperationServiceService as O } from "@virtmesh/api/gen/virtmesh/v1/operation";
import type { MeshHost } from "@virtmesh/lab/launcher";
import { type Machine, PATIENT_LEASE } from "@virtmesh/lab/machine/machine";
import { type MeshOptions, type RunningMesh, startMesh } from "@virtmesh/lab/mesh";
import { xenGuestOf } from "@virtmesh/lab/xen/profile";
import { Watching } from "../watching.ts";

/** An emulated processor is slow, and slower on a busy computer. */
const CALL_MS = 300_000;
export const LONG = { seconds: 240n, nanos: 0 };

/** What a guest of Xen can be, as `<type>` says it. */
export type GuestKind = "linux" | "xenpvh" | "hvm";

/** A mesh with one host: a machine with a real Xen, whose agent runs in its dom0. */
export class XenHost implements AsyncDisposable {
  readonly mesh: RunningMesh;
  readonly host: MeshHost;
  readonly machine: Machine;

  private constructor(mesh: RunningMesh, host: MeshHost, machine: Machine) {
    this.mesh = mesh;
    this.host = host;
    this.machine = machine;
  }

  static async start(): Promise<XenHost> {
    const [host] = await XenHost.inOneMesh({ hosts: ["host-x"] });
    if (host === undefined) throw new Error("the mesh has no host of Xen");
    return host;
  }

  /** Several that share a mesh: disposing of one ends all. */
  static async inOneMesh(options: MeshOptions): Promise<readonly XenHost[]> {
    const mesh = await startMesh({
      ...{ agents: "xen", agentArguments: PATIENT_LEASE, gatewayArguments: PATIENT_LEASE },
      ...options,
    });
    return mesh.hosts.flatMap((host) =>
      host.machine === undefined ? [] : [new XenHost(mesh, host, host.machine)],
    );
  }

  get uri(): string {
    return this.host.uri;
  }

  /** A guest with a shell on its console; paravirtualised unless its kind is said. */
  xml(
    name: string,
    more: {
      readonly kind?: GuestKind;
      readonly head?: string;
      /** What follows its ends. */
      readonly after?: string;
      readonly devices?: string;
      readonly vcpus?: string;
      /** More words for its kernel. */
      readonly words?: string;
    } = {},
  ): string {
    const { kernel, bootable, guest } = xenGuestOf(this.machine.image);
    const kind = more.kind ?? "linux";
    // Firmware starts kernels that unpack themselves, which takes memory.
    const hardware = kind === "hvm";
    return `<domain type='xen'><name>${name}</name>${more.head ?? ""}<memory unit='MiB'>${hardware ? 192 : 96}</memory>${more.vcpus ?? "<vcpu>1</vcpu>"}
      <os><type>${kind}</type><kernel>${hardware ? bootable : kernel}</kernel><initrd>${guest}</initrd>
        <cmdline>console=${hardware ? "ttyS0" : "hvc0"} quiet mitigations=off sysrq_always_enabled ${more.words ?? ""}</cmdline></os>
      ${kind === "linux" ? "" : "<clock offset='utc'><timer name='tsc' mode='native'/></clock>"}
      ${more.after ?? ""}<devices>${more.devices ?? ""}${hardware ? "<serial type='pty'/>" : ""}<console type='pty'/></devices></domain>`;
  }

  async define(xml: string): Promise<Domain> {
    return await this.#call(D.defineDomain, {
      uri: this.uri,
      requestId: "",
      xml,
      validateOnly: false,
      etag: "",
    });
  }

  async start(domain: string, paused = false): Promise<Domain> {
    return await this.#call(D.startDomain, {
      uri: this.uri,
      requestId: "",
      domain,
      paused,
      forceBoot: false,
    });
  }

  async get(domain: string): Promise<Domain> {
    return await this.#call(D.getDomain, { uri: this.uri, domain });
  }

  async destroy(domain: string): Promise<Domain> {
    return await this.#call(D.destroyDomain, { uri: this.uri, requestId: "", domain });
  }

  async reboot(domain: string): Promise<void> {
    await this.#call(D.rebootDomain, { uri: this.uri, requestId: "", domain, timeout: undefined });
  }

  async undefine(domain: string): Promise<void> {
    await this.#call(D.undefineDomain, UndefineDomainRequest.fromPartial({ uri: this.uri, domain }));
  }

  async suspend(domain: string): Promise<Domain> {
    return await this.#call(D.suspendDomain, { uri: this.uri, requestId: "", domain });
  }

  async resume(domain: string): Promise<Domain> {
    return await this.#call(D.resumeDomain, { uri: this.uri, requestId: "", domain });
  }

  async shutdown(domain: string): Promise<void> {
    await this.#call(D.shutdownDomain, { uri: this.uri, requestId: "", domain, timeout: undefined });
  }

  /** Resolves when its system is up: its shell has spoken on the console that many times. */
  async up(domain: string, times = 1): Promise<void> {
    const log = `/var/log/xen/guest-${domain}.log`;
    const script = `exec 3< <(exec tail -n +1 -F ${log} 2>/dev/null); grep -m${times} GUEST-READY <&3; kill $!`;
    await this.machine.exec(["bash", "-c", script]);
  }

  /** Begins a change and waits for its end. */
  async change<Q>(method: MethodDefinition<Q, Operation>, request: Q): Promise<Domain> {
    const { name } = await this.#call(method, request);
    const ended = await this.#call(O.waitOperation, { uri: this.uri, name, timeout: LONG });
    if (ended.result?.$case !== "response") throw new Error(JSON.stringify(ended.result?.value));
    return Domain.decode(ended.result.value.value);
  }

  async stats(domain: string): Promise<DomainStats | undefined> {
    const request = { uri: this.uri, domains: [domain], pageSize: 0, pageToken: "" };
    return (await this.#call(D.listDomainStats, request)).stats[0];
  }

  /** Ends the agent in dom0, at once unless told otherwise. */
  async killAgent(signal: "KILL" | "TERM" = "KILL"): Promise<void> {
    await this.machine.exec(["sh", "-c", `kill -${signal} $(pidof node)`]);
    await this.host.agent.exited;
  }

  /** Starts the agent anew, and waits until the gateway knows it. */
  async restartAgent(): Promise<void> {
    // In dom0: were only the way into it closed, the one before might still be the one that answers.
    if (this.host.agent.running) await this.killAgent("TERM");
    await this.host.agent.restart();
    await this.mesh.complete();
  }

  /** Names of the domains that Xen has, without dom0 and without those that it is still taking apart. */
  async domains(): Promise<readonly string[]> {
    const { stdout } = await this.machine.exec(["xl", "list"]);
    return stdout
      .split("\n")
      .slice(2)
      .flatMap((line) => line.split(/\s+/)[0] || [])
      .filter((name) => name !== "(null)");
  }

  /** Events of a guest from now on, as `name type detail`. */
  async watch(domain: string): Promise<Watching> {
    return await Watching.begin(this.mesh, this.uri, CALL_MS, domain);
  }

  async #call<Q, R>(method: MethodDefinition<Q, R>, request: Q): Promise<R> {
    return await this.mesh.unary(method, request, AbortSignal.timeout(CALL_MS));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mesh[Symbol.asyncDispose]();
  }
}
