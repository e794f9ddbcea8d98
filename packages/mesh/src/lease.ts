import { Agent } from "@virtmesh/api/gen/virtmesh/v1/agent";
import type { Mesh } from "./connection.ts";
import type { Lease } from "./registry.ts";
import { word } from "./subjects.ts";

export function leaseKey(agent: Pick<Agent, "host" | "hypervisor">): string {
  return `${word(agent.host)}.${word(agent.hypervisor)}`;
}

export class KeptLease implements Lease {
  readonly #mesh: Mesh;
  readonly #describe: () => Agent;
  readonly #renewMs: number;
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #session: Disposable;
  #writing: Promise<void> | undefined;
  /** Something changed while a write was under way. */
  #again = false;

  constructor(mesh: Mesh, describe: () => Agent, renewMs: number) {
    this.#mesh = mesh;
    this.#describe = describe;
    this.#renewMs = renewMs;
    this.#timer = setInterval(() => this.renew(), renewMs);
    this.#session = mesh.onSession(() => this.renew());
    mesh.closing.addEventListener("abort", () => clearInterval(this.#timer), { once: true });
  }

  renew(): void {
    if (this.#stop.signal.aborted || !this.#mesh.connected) return;
    if (this.#writing) {
      this.#again = true;
      return;
    }
    this.#writing = this.#write();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#session[Symbol.dispose]();
    this.#stop.abort();
    await this.#writing;
    if (!this.#mesh.connected) return;
    const key = leaseKey(this.#describe());
    try {
      await this.#mesh.run(`removing the lease ${key}`, { timeoutMs: this.#renewMs }, (s) =>
        s.bucket("agents").delete(key),
      );
    } catch (e) {
      this.#mesh.logger.warn({ err: e, key }, "the lease was not removed, it will age out");
    }
  }

  /** Never rejects: a renewal that failed is made good by the next one. */
  async #write(): Promise<void> {
    try {
      do {
        this.#again = false;
        const agent = this.#describe();
        const value = Agent.encode(agent).finish();
        await this.#mesh.run(
          "renewing a lease",
          { signal: this.#stop.signal, timeoutMs: this.#renewMs },
          (s) => s.bucket("agents").put(leaseKey(agent), value),
        );
      } while (this.#again && !this.#stop.signal.aborted);
    } catch (e) {
      if (!this.#stop.signal.aborted)
        this.#mesh.logger.debug({ err: e }, "a lease was not renewed this time");
    } finally {
      this.#writing = undefined;
    }
  }
}
