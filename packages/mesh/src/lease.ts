import { Agent } from "@virtmesh/api/gen/virtmesh/v1/agent";
import type { Mesh, Session } from "./connection.ts";
import { compareAndSet, readKey, removeKey } from "./kv.ts";
import type { Lease, LeaseOptions } from "./registry.ts";
import { word } from "./subjects.ts";

export function leaseKey(agent: Pick<Agent, "host" | "hypervisor">): string {
  return `${word(agent.host)}.${word(agent.hypervisor)}`;
}

/** Another agent that was found under the name, and at which revision. */
interface Met {
  readonly installation: string;
  readonly revision: number;
}

export class KeptLease implements Lease {
  readonly #mesh: Mesh;
  readonly #describe: () => Agent;
  readonly #renewMs: number;
  readonly #options: LeaseOptions;
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #session: Disposable;
  #writing: Promise<void> | undefined;
  /** Something changed while a write was under way. */
  #again = false;
  /** Of our own last renewal, as far as is known. */
  #revision: number | undefined;
  #met: Met | undefined;
  #wasHeld = false;

  constructor(mesh: Mesh, describe: () => Agent, renewMs: number, options: LeaseOptions) {
    this.#mesh = mesh;
    this.#describe = describe;
    this.#renewMs = renewMs;
    this.#options = options;
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
    this.#end();
    await this.#writing;
    if (!this.#mesh.connected) return;
    const agent = this.#describe();
    const key = leaseKey(agent);
    const limit = AbortSignal.timeout(this.#renewMs);
    try {
      await this.#mesh.run(`removing the lease ${key}`, { signal: limit }, (session) =>
        this.#remove(session, key, agent, limit),
      );
    } catch (e) {
      this.#mesh.logger.warn({ err: e, key }, "the lease was not removed, it will age out");
    }
  }

  #end(): void {
    clearInterval(this.#timer);
    this.#session[Symbol.dispose]();
    this.#stop.abort();
  }

  /** Never rejects: a renewal that failed is made good by the next one. */
  async #write(): Promise<void> {
    try {
      do {
        this.#again = false;
        const agent = this.#describe();
        const limit = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(this.#renewMs)]);
        await this.#mesh.run("renewing a lease", { signal: limit }, (session) =>
          this.#put(session, agent, limit),
        );
      } while (this.#again && !this.#stop.signal.aborted);
    } catch (e) {
      if (!this.#stop.signal.aborted)
        this.#mesh.logger.debug({ err: e }, "a lease was not renewed this time");
    } finally {
      this.#writing = undefined;
    }
  }

  /** Compare-and-set, so that of two agents with one name only one has it. */
  async #put(session: Session, agent: Agent, limit: AbortSignal): Promise<void> {
    const bucket = session.bucket("agents");
    const key = leaseKey(agent);
    const value = Agent.encode(agent).finish();
    for (let revision = this.#revision; ; ) {
      if (revision !== undefined) {
        const written = await compareAndSet(bucket, key, value, revision);
        limit.throwIfAborted();
        if (written !== undefined) return this.#hold(written);
      }
      const stored = await readKey(bucket, key);
      limit.throwIfAborted();
      const other = stored.value && Agent.decode(stored.value);
      if (other && isAnother(other, agent)) return this.#meet(other, stored.revision);
      revision = stored.revision;
    }
  }

  #hold(revision: number): void {
    this.#revision = revision;
    this.#met = undefined;
    if (this.#wasHeld) return;
    this.#wasHeld = true;
    this.#options.onHeld?.();
  }

  /** What a dead agent left ages out, and is waited for; who has renewed between two looks is alive. */
  #meet(other: Agent, revision: number): void {
    const before = this.#met;
    this.#met = { installation: other.installation, revision };
    this.#revision = undefined;
    if (before?.installation !== other.installation || before.revision === revision) return;
    this.#end();
    this.#options.onTaken?.(other);
  }

  async #remove(session: Session, key: string, agent: Agent, limit: AbortSignal): Promise<void> {
    const bucket = session.bucket("agents");
    for (;;) {
      const { value, revision } = await readKey(bucket, key);
      if (value === undefined || isAnother(Agent.decode(value), agent)) return;
      if (await removeKey(bucket, key, revision)) return;
      // A renewal of ours was still on its way.
      limit.throwIfAborted();
    }
  }
}

/** Agents of before installations were told apart have none, and count as the same. */
function isAnother(stored: Agent, agent: Agent): boolean {
  return stored.installation !== "" && stored.installation !== agent.installation;
}
