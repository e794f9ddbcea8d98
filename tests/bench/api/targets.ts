import { join } from "node:path";
import type { Bench } from "../bench.ts";
import { startDaemon } from "../libvirt/single.ts";
import { startOneHost } from "../one-host.ts";
import { Crowd } from "./crowd.ts";

/** Everybody who is called, each with its own callers; libvirtd lives on the same host as the first agent. */
export class Targets implements AsyncDisposable {
  readonly crowds: readonly Crowd[];
  /** Crowds that reach different hypervisors: one of each has to fill it with guests. */
  readonly owners: readonly Crowd[];
  /** Why libvirt is not among them. */
  readonly missing: string | undefined;
  readonly #stack: AsyncDisposableStack;

  private constructor(crowds: readonly Crowd[], missing: string | undefined, stack: AsyncDisposableStack) {
    this.crowds = crowds;
    this.owners = crowds.filter(({ name }) => !name.startsWith("gateway"));
    this.missing = missing;
    this.#stack = stack;
  }

  static async start({ dir, output }: Bench): Promise<Targets> {
    await using stack = new AsyncDisposableStack();
    const gather = async (...of: Parameters<typeof Crowd.gather>): Promise<Crowd> =>
      stack.use(await Crowd.gather(...of));
    const crowds: Crowd[] = [];
    output.progress("starting a mesh without TLS, one with it, and libvirtd");
    const plain = stack.use(await startOneHost(join(dir, "plain"), false));
    const secured = stack.use(await startOneHost(join(dir, "tls"), true));
    for (const [suffix, { mesh, host }] of [
      ["", plain],
      ["-tls", secured],
    ] as const) {
      const tls = (serverName: string) =>
        mesh.clientTlsDir === undefined ? {} : { tls: { dir: mesh.clientTlsDir, serverName } };
      const { uri } = host;
      const [agent, gateway] = [host.agent.address, mesh.gateway.address];
      crowds.push(
        await gather(`agent${suffix}`, { address: agent, uri, ...tls(host.name) }, "grpc", [host.agent.pid]),
      );
      crowds.push(
        await gather(`gateway${suffix}`, { address: gateway, uri, ...tls("hub") }, "grpc", [
          host.agent.pid,
          mesh.gateway.pid,
        ]),
      );
    }
    const libvirt = await startDaemon(plain.namespace, join(dir, "libvirt"), output);
    let missing: string | undefined;
    if ("missing" in libvirt) ({ missing } = libvirt);
    else {
      const { uri, pid } = stack.use(libvirt.daemon);
      crowds.push(await gather("libvirt", { address: uri, uri: "" }, "libvirt", [pid]));
    }
    return new Targets(crowds, missing, stack.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}
