import { type Agent, AgentState } from "@virtmesh/api/gen/virtmesh/v1/agent";
import type { AgentChange, AgentDirectory } from "@virtmesh/mesh/registry";
import { gone, route, select, type Served } from "./routing/route.ts";

/** An agent as the gateway knows it. */
export interface KnownAgent extends Served {
  readonly address: string;
  /** As it announced itself. */
  readonly announced: Agent;
}

/** URIs seen lately; each is resolved once between two changes of the fleet. */
const CACHE_LIMIT = 10_000;

/** How long an agent that was stopped is remembered: its guests run on, and lists must not leave them out silently. */
const KEEP_STOPPED_MS = 10 * 60_000;

/** Which agent serves what, kept current by leases. The hot path is one look into a map. */
export class Directory implements Disposable {
  readonly #agents = new Map<string, KnownAgent>();
  readonly #routes = new Map<string, KnownAgent>();
  readonly #listeners = new Set<(before: KnownAgent | undefined, now: KnownAgent | undefined) => void>();
  /** Agents that were stopped, until they are forgotten. */
  readonly #stopped = new Map<string, NodeJS.Timeout>();
  readonly #subscription: Disposable;
  readonly #now: () => number;

  constructor(source: Pick<AgentDirectory, "list" | "onChange">, now: () => number = Date.now) {
    this.#now = now;
    this.#subscription = source.onChange((change) => this.#take(change));
    for (const agent of source.list()) {
      const isLost = agent.state === AgentState.AGENT_STATE_LOST;
      this.#put(agent, isLost ? { lostAtMs: now() } : {});
    }
  }

  /** @throws what `route` throws. */
  find(uri: string): KnownAgent {
    const cached = this.#routes.get(uri);
    if (cached !== undefined) return cached;
    const agent = route(uri, this.list(), this.#now());
    if (this.#routes.size >= CACHE_LIMIT) this.#routes.clear();
    this.#routes.set(uri, agent);
    return agent;
  }

  /** The URIs that a pattern covers, those of lost agents included. */
  select(pattern: string): { readonly agent: KnownAgent; readonly uri: string }[] {
    return select(pattern, this.list());
  }

  list(): KnownAgent[] {
    return [...this.#agents.values()];
  }

  /** Called at each change of an agent: before undefined when it is new, now undefined when it left. */
  onChange(listener: (before: KnownAgent | undefined, now: KnownAgent | undefined) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** What a call to an agent without a lease is answered. */
  goneError(agent: KnownAgent): ReturnType<typeof gone> {
    const now = this.#now();
    return gone(agent, agent.lostAtMs ?? now, now);
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    for (const timer of this.#stopped.values()) clearTimeout(timer);
  }

  #take({ change, agent }: AgentChange): void {
    switch (change) {
      case "alive":
      case "changed":
        return this.#put(agent, {});
      case "lost":
        return this.#put(agent, { lostAtMs: this.#now() });
      case "gone":
        return this.#leave(agent);
    }
  }

  /** Lost for so long that it is forgotten; or stopped, and then it is remembered for a while. */
  #leave(agent: Agent): void {
    const key = keyOf(agent);
    if (this.#agents.get(key)?.lostAtMs !== undefined) return this.#replace(key, undefined);
    this.#put(agent, { lostAtMs: this.#now(), left: true });
    const timer = setTimeout(() => this.#replace(key, undefined), KEEP_STOPPED_MS);
    timer.unref();
    this.#stopped.set(key, timer);
  }

  #put(agent: Agent, standing: Pick<Served, "lostAtMs" | "left">): void {
    const { host, uris, address } = agent;
    this.#replace(keyOf(agent), { host, uris, address, announced: agent, ...standing });
  }

  #replace(key: string, now: KnownAgent | undefined): void {
    clearTimeout(this.#stopped.get(key));
    this.#stopped.delete(key);
    const before = this.#agents.get(key);
    if (now === undefined) this.#agents.delete(key);
    else this.#agents.set(key, now);
    this.#routes.clear();
    for (const listener of [...this.#listeners]) listener(before, now);
  }
}

function keyOf(agent: Agent): string {
  return `${agent.host}.${agent.hypervisor}`;
}
