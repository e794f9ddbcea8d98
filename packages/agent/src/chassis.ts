import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import type { Event } from "@virtmesh/api/gen/virtmesh/v1/event";
import type { DrainHostRequest } from "@virtmesh/api/gen/virtmesh/v1/host";
import type { Call } from "@virtmesh/core/call";
import type { Driver } from "@virtmesh/core/driver/driver";
import type { Generation, HostName } from "@virtmesh/core/ids";
import type { ServiceEntry } from "@virtmesh/kit/grpc-server";
import type { Logger } from "@virtmesh/kit/logger";
import type { Metrics } from "@virtmesh/kit/metrics";
import type { TlsFiles } from "@virtmesh/kit/tls";
import type { Mesh } from "@virtmesh/mesh/connection";
import type { ChangeQueue } from "./changes/queue.ts";
import type { Cordon } from "./cordon/cordon.ts";
import type { EventDraft } from "./events/draft.ts";
import type { MigrationMetrics } from "./metrics/migration-metrics.ts";
import type { Operations } from "./operations/operations.ts";
import type { RequestMemory } from "./requests/memory.ts";
import type { IncomingGate } from "./traffic/incoming-gate.ts";
import type { LimitsStore } from "./traffic/limits.ts";

/** What an agent writes its log with. */
export type AgentLogger = Logger;

/** Who may run a guest: the journal of this agent, and behind it the bucket `owners`. */
export interface RunTokens {
  /** Generation under which this host may run the guest; 0 when it holds no token. */
  generationOf(uuid: string): Generation;
  /** The highest generation this agent has heard of for the guest, whoever holds it; 0 for none. */
  lastGenerationOf(uuid: string): Generation;
  /** The destination of a migration has won: durable when it resolves. */
  adopt(uuid: string, generation: Generation): Promise<void>;
  /** The source of a migration has lost, to the given host: durable when it resolves. */
  surrender(uuid: string, to?: { readonly host: string; readonly generation: Generation }): Promise<void>;
  /**
   * An operator took the guest back from a host that is off: known to NATS when it resolves, with the word for that
   * host to end first of all what it still has of the guest. @throws RUN_TOKEN_UNREACHABLE
   */
  takeBack(uuid: string, generation: Generation, from: string): Promise<void>;
  /** Whether NATS knows of that, when it could not say so or the agent was killed meanwhile. @throws RUN_TOKEN_UNREACHABLE */
  hasTakenBack(uuid: string, generation: Generation): Promise<boolean>;
  /** The source has won a migration that had counted up: it keeps the guest under a later generation. */
  bump(uuid: string, generation: Generation): Promise<void>;
}

/** Tells the world what happened: to watchers of this agent at once, to NATS through the outbox, in one order. */
export interface Events {
  /** Unique to this run of the agent. */
  readonly instance: string;
  emit(draft: EventDraft): Event;
}

/** What an agent lends to every service that it serves. */
export interface Chassis {
  readonly driver: Driver;
  readonly host: HostName;
  /** Name of the driver: `qemu`, `test`, ... */
  readonly hypervisor: string;
  readonly version: string;
  /** New at every start of the agent. */
  readonly instance: string;
  readonly startTimeMs: number;
  /** Connection URIs with the host in them: `qemu://host-a/system`; the first is the one to show. */
  readonly uris: readonly [string, ...string[]];
  readonly labels: Readonly<Record<string, string>>;
  /** Throws UNKNOWN_HOST or UNKNOWN_SCHEME when a request's URI means somebody else. */
  checkUri(uri: string): void;
  readonly queue: ChangeQueue;
  readonly requests: RequestMemory;
  readonly operations: Operations;
  readonly tokens: RunTokens;
  /** Whether new guests may come here. */
  readonly cordon: Cordon;
  /** How much is migrated at once. */
  readonly limits: LimitsStore;
  /** The places for incoming migrations. */
  readonly incoming: IncomingGate;
  readonly events: Events;
  /** Absent when the agent works without NATS. */
  readonly mesh?: Mesh;
  /** Time to live of leases in this mesh. */
  readonly leaseTtlMs: number;
  readonly logger: AgentLogger;
  readonly metrics: Metrics;
  readonly migrationMetrics: MigrationMetrics;
  /** Survives a restart of the host. */
  readonly stateDir: string;
  /** Survives a restart of the agent only. */
  readonly runDir: string;
  /** Host or IP address under which other hosts reach this one for migration data. */
  readonly dataAddress: string;
  readonly tls?: TlsFiles;
  /** Directory of the PEM files, for hypervisors that read them themselves. */
  readonly tlsDir?: string;
  /** Aborted when the agent ends. */
  readonly signal: AbortSignal;
}

/** One gRPC service, as the server takes it. */
export type ServedService = ServiceEntry;

/** Services that are made out of a chassis and live as long as it does. */
export interface ServiceModule extends AsyncDisposable {
  readonly services: readonly ServedService[];
  /** Ids of operations that the module has taken up again; the others that ran become ABORTED. */
  readonly adopted: ReadonlySet<string>;
  /** Work that waits for its turn. */
  readonly waiting?: () => number;
  /** How this host is drained, when the module can do that. */
  readonly drainHost?: DrainHost;
}

export type DrainHost = (request: DrainHostRequest, call: Call) => Promise<Operation>;

/**
 * Called before the agent listens: here work of the run before is taken up (`queue.seize`, `operations.adopt`). The
 * URI of a request is checked and its request id remembered as for the agent's own services; two-way methods do
 * that themselves.
 */
export type ServiceModuleFactory = (chassis: Chassis) => Promise<ServiceModule>;
