import type { Agent } from "@virtmesh/api/gen/virtmesh/v1/agent";
import { LiveDirectory } from "./agent-directory.ts";
import type { Mesh } from "./connection.ts";
import { LEASE_TTL_MS } from "./infrastructure.ts";
import { KeptLease } from "./lease.ts";

export interface LeaseOptions {
  /** Time to live; 3 s unless told. All processes of a mesh must agree. */
  readonly ttlMs?: number;
  /** Time between renewals; a third of the time to live unless told. */
  readonly renewMs?: number;
  /** The name is ours: once, when it is for the first time. */
  readonly onHeld?: () => void;
  /** Another installation has the name and is alive; the lease is not kept any more. */
  readonly onTaken?: (by: Agent) => void;
}

/** Disposing removes the lease, so that everybody knows at once. */
export interface Lease extends AsyncDisposable {
  /** Announces what `describe` says now, without waiting for the next renewal. */
  renew(): void;
}

export interface AgentChange {
  /** `alive`: new or back; `changed`: says something else; `lost`: lease ran out; `gone`: left in order, or lost for long. */
  readonly change: "alive" | "changed" | "lost" | "gone";
  readonly agent: Agent;
}

/** A live view of all agents, in memory. */
export interface AgentDirectory extends AsyncDisposable {
  /** Resolves when the agents that were there have been read once; rejects when disposed before. */
  readonly synced: Promise<void>;
  /** Alive and lost ones. */
  list(): Agent[];
  /** The agent that serves a scheme on a host. */
  find(scheme: string, host: string): Agent | undefined;
  /** All agents that serve a scheme. */
  byScheme(scheme: string): Agent[];
  onChange(listener: (change: AgentChange) => void): Disposable;
}

export interface DirectoryOptions {
  readonly ttlMs?: number;
  /** How long a lost agent is still listed; 10 minutes unless told. */
  readonly keepLostMs?: number;
}

const KEEP_LOST_MS = 10 * 60_000;

/** Announces an agent under `<host>.<hypervisor>` and keeps its lease until disposed, unless another has that name. */
export function keepLease(mesh: Mesh, describe: () => Agent, options: LeaseOptions = {}): Lease {
  const renewMs = options.renewMs ?? Math.floor((options.ttlMs ?? LEASE_TTL_MS) / 3);
  return new KeptLease(mesh, describe, renewMs, options);
}

export function watchAgents(mesh: Mesh, options: DirectoryOptions = {}): AgentDirectory {
  return new LiveDirectory(mesh, options.ttlMs ?? LEASE_TTL_MS, options.keepLostMs ?? KEEP_LOST_MS);
}
