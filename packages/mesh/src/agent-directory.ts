import { Agent, AgentState } from "@virtmesh/api/gen/virtmesh/v1/agent";
import { VirtError } from "@virtmesh/core/errors";
import { parseConnectionUri } from "@virtmesh/core/uri";
import type { BucketEntry } from "./bucket-watch.ts";
import { watchBucket } from "./bucket-watch.ts";
import type { Mesh } from "./connection.ts";
import type { AgentChange, AgentDirectory } from "./registry.ts";

/** An answer within this part of the time to live came at once. */
const AT_ONCE = 10;

interface Known {
  readonly key: string;
  agent: Agent;
  value: Uint8Array;
  /** Of the last renewal that was seen. */
  revision: number;
  /** The server stood still when this lease was last looked at. */
  stalled: boolean;
  timer: NodeJS.Timeout | undefined;
}

export class LiveDirectory implements AgentDirectory {
  readonly synced: Promise<void>;
  readonly #mesh: Mesh;
  readonly #ttlMs: number;
  readonly #keepLostMs: number;
  readonly #known = new Map<string, Known>();
  /** `<scheme>` -> host -> entry. */
  readonly #served = new Map<string, Map<string, Known>>();
  readonly #listeners = new Set<(change: AgentChange) => void>();
  readonly #stop = new AbortController();
  readonly #checks = new Set<Promise<void>>();
  readonly #watch: AsyncDisposable;
  readonly #status: Disposable;
  readonly #ready = Promise.withResolvers<void>();

  constructor(mesh: Mesh, ttlMs: number, keepLostMs: number) {
    this.#mesh = mesh;
    this.#ttlMs = ttlMs;
    this.#keepLostMs = keepLostMs;
    this.synced = this.#ready.promise;
    // Nobody may be waiting for it when the directory is disposed early.
    this.synced.catch(() => undefined);
    this.#status = mesh.onStatus((up) => this.#freeze(!up));
    this.#watch = watchBucket(mesh, "agents", ">", {
      onEntry: (entry) => this.#take(entry),
      onSynced: () => this.#ready.resolve(),
    });
  }

  list(): Agent[] {
    return [...this.#known.values()].map((k) => k.agent);
  }

  find(scheme: string, host: string): Agent | undefined {
    return this.#served.get(scheme)?.get(host)?.agent;
  }

  byScheme(scheme: string): Agent[] {
    return [...(this.#served.get(scheme)?.values() ?? [])].map((k) => k.agent);
  }

  onChange(listener: (change: AgentChange) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#status[Symbol.dispose]();
    await this.#watch[Symbol.asyncDispose]();
    for (const known of this.#known.values()) clearTimeout(known.timer);
    await Promise.all(this.#checks);
    this.#ready.reject(new VirtError("SHUTTING_DOWN", "the directory of agents was closed"));
  }

  #take({ key, value, revision }: BucketEntry): void {
    const known = this.#known.get(key);
    if (value === undefined) {
      if (known) this.#forget(known);
      return;
    }
    const agent = this.#read(key, value);
    if (!agent) return;
    if (!known) {
      const entry: Known = { key, agent, value, revision, stalled: false, timer: undefined };
      this.#known.set(key, entry);
      this.#index(entry);
      this.#expectRenewal(entry);
      this.#tell("alive", agent);
      return;
    }
    const wasLost = known.agent.state === AgentState.AGENT_STATE_LOST;
    const same = Buffer.compare(known.value, value) === 0;
    known.revision = revision;
    known.stalled = false;
    this.#expectRenewal(known);
    if (same && !wasLost) return;
    this.#unindex(known);
    known.agent = agent;
    known.value = value;
    this.#index(known);
    this.#tell(wasLost ? "alive" : "changed", agent);
  }

  /** undefined, and told to the log, when somebody wrote what is no agent: the others must still be seen. */
  #read(key: string, value: Uint8Array): Agent | undefined {
    try {
      const agent = { ...Agent.decode(value), state: AgentState.AGENT_STATE_ALIVE };
      schemesOf(agent);
      return agent;
    } catch (e) {
      this.#mesh.logger.error({ err: e, key }, "a lease cannot be read, the agent is left out");
      return undefined;
    }
  }

  /** Nobody can renew while NATS is away, so nobody is lost for that; afterwards all get their full time. */
  #freeze(frozen: boolean): void {
    for (const known of this.#known.values()) {
      if (known.agent.state === AgentState.AGENT_STATE_LOST) continue;
      if (frozen) clearTimeout(known.timer);
      else this.#expectRenewal(known);
    }
  }

  #expectRenewal(known: Known): void {
    clearTimeout(known.timer);
    known.timer = setTimeout(() => this.#own(this.#doubt(known)), this.#ttlMs);
  }

  /**
   * The time is up. But a server that stands still takes and delivers no renewals either, and does not look
   * disconnected for a while; when it goes on, it may answer us before it reads what the agent has long sent.
   * So an agent is lost only when the server answers at once, did so the time before, and has seen no renewal.
   */
  async #doubt(known: Known): Promise<void> {
    const { revision, stalled } = known;
    const start = performance.now();
    let heardOfServer = true;
    try {
      await this.#mesh.run(
        "reading a lease",
        { signal: this.#stop.signal, timeoutMs: Math.max(200, this.#ttlMs / 4) },
        (session) => session.bucket("agents").get(known.key),
      );
    } catch (e) {
      heardOfServer = false;
      this.#mesh.logger.debug({ err: e, key: known.key }, "a lease ran out while NATS does not answer");
    }
    // The answer came over the connection that brings the renewals: those that were under way are here by now.
    if (this.#stop.signal.aborted || known.revision !== revision || this.#known.get(known.key) !== known)
      return;
    known.stalled = !heardOfServer || performance.now() - start > this.#ttlMs / AT_ONCE;
    if (!known.stalled && !stalled) this.#lose(known);
    else if (this.#mesh.connected) this.#expectRenewal(known);
  }

  #lose(known: Known): void {
    known.agent = { ...known.agent, state: AgentState.AGENT_STATE_LOST };
    known.timer = setTimeout(() => this.#forget(known), this.#keepLostMs);
    this.#tell("lost", known.agent);
  }

  #forget(known: Known): void {
    clearTimeout(known.timer);
    this.#known.delete(known.key);
    this.#unindex(known);
    this.#tell("gone", known.agent);
  }

  #index(known: Known): void {
    for (const scheme of schemesOf(known.agent)) {
      let hosts = this.#served.get(scheme);
      if (!hosts) this.#served.set(scheme, (hosts = new Map()));
      hosts.set(known.agent.host, known);
    }
  }

  #unindex(known: Known): void {
    for (const scheme of schemesOf(known.agent)) {
      const hosts = this.#served.get(scheme);
      if (hosts?.get(known.agent.host) === known) hosts.delete(known.agent.host);
    }
  }

  #tell(change: AgentChange["change"], agent: Agent): void {
    for (const listener of [...this.#listeners]) listener({ change, agent });
  }

  #own(check: Promise<void>): void {
    this.#checks.add(check);
    void check.finally(() => this.#checks.delete(check));
  }
}

function schemesOf(agent: Agent): Set<string> {
  return new Set(agent.uris.map((uri) => parseConnectionUri(uri).scheme));
}
