import { join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import { isActive } from "@virtmesh/core/domain/state";
import type { Place } from "@virtmesh/core/drain/choose";
import { isUriPattern, parseConnectionUri } from "@virtmesh/core/uri";
import { type Channel, connect, KEEPALIVE_TIMEOUT_MS, streamCall } from "@virtmesh/kit/grpc-client";
import { Scope } from "@virtmesh/kit/scope";
import { MigrationPeerServiceService } from "@virtmesh/api/gen/virtmesh/v1/migration_peer";
import { MigrationRecords } from "@virtmesh/mesh/records";
import { type AgentDirectory, watchAgents } from "@virtmesh/mesh/registry";
import { type Agent, AgentState } from "@virtmesh/api/gen/virtmesh/v1/agent";
import type { Chassis, ServiceModule } from "../chassis.ts";
import type { DrainContext } from "../drain/drain-runner.ts";
import { Drains } from "../drain/drains.ts";
import { absentMigrations } from "./absent.ts";
import type { FaultPoints } from "./fault-points.ts";
import { migrationService } from "./migration-service.ts";
import { KEEP_JOURNALS_MS, Migrations } from "./migrations.ts";
import { pruneJournals, readJournals } from "./journal.ts";
import { News } from "./news.ts";
import { SILENCE_MS } from "./peer-link.ts";
import { peerService } from "./peer-service.ts";
import { MigrationQueue } from "./queue.ts";
import { STALL_MS } from "./stall-watch.ts";
import { Budget } from "../traffic/budget.ts";
import { OutgoingGate, type Traveller } from "../traffic/outgoing-gate.ts";

export interface MigrationModuleOptions {
  /** For how long nothing of a migration may come forward before it ends; 0 for ever. */
  readonly stallMs: number;
  /** For how long the other agent may say nothing before it is taken for lost. */
  readonly silenceMs: number;
  /** For tests. */
  readonly points?: FaultPoints;
}

/** Migrations as a module of the agent: the two services, and whatever was under way when the agent ended. */
export async function migrationModule(
  chassis: Chassis,
  { stallMs, silenceMs, points }: MigrationModuleOptions = { stallMs: STALL_MS, silenceMs: SILENCE_MS },
): Promise<ServiceModule> {
  const { mesh } = chassis;
  // Without NATS there is no record that decides, hence no migration.
  if (
    mesh === undefined ||
    chassis.driver.migrationSource === undefined ||
    chassis.driver.migrationDestination === undefined
  ) {
    return {
      services: [absentMigrations(chassis)],
      adopted: new Set(),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }
  const scope = new Scope(chassis.signal);
  const directory = scope.own(watchAgents(mesh, { ttlMs: chassis.leaseTtlMs }));
  const peers = scope.own(new Peers(chassis, directory, silenceMs));
  const news = new News(chassis);
  const journalDir = join(chassis.stateDir, "migrations");
  const onChance = (listener: () => void): Disposable =>
    directory.onChange(({ change }) => (change === "alive" ? listener() : undefined));
  const outgoing = new OutgoingGate({
    host: chassis.host,
    limits: chassis.limits,
    ask: (traveller, signal) => reserve(peers, chassis.host, traveller, signal),
    onChance,
  });
  const migrations = scope.own(
    new Migrations(
      {
        driver: chassis.driver,
        tokens: chassis.tokens,
        logger: chassis.logger,
        queue: chassis.queue,
        operations: chassis.operations,
        host: chassis.host,
        uri: chassis.uris[0],
        journalDir,
        records: new MigrationRecords(mesh),
        authenticated: chassis.tls !== undefined,
        signal: scope.signal,
        peer: (uri) => peers.channelTo(uri),
        onChance,
        cordon: chassis.cordon,
        outgoing,
        incoming: chassis.incoming,
        budget: new Budget(chassis.limits),
        ...{ stallMs, silenceMs },
        news,
        ...(points === undefined ? {} : { points }),
      },
      news,
    ),
  );
  await pruneJournals(journalDir, Date.now() - KEEP_JOURNALS_MS);
  const adopted = new Set<string>();
  for (const file of await readJournals(journalDir)) {
    if (file.header.side === "source") {
      await migrations.recoverSource(file);
      adopted.add(file.header.offer.plan.id);
    } else {
      await migrations.recoverDestination(file);
    }
  }
  const queue = new MigrationQueue(migrations.context, migrations);
  for (const id of await queue.recover(adopted)) adopted.add(id);
  const drains = scope.own(
    new Drains(
      drainContext(chassis, directory, migrations, queue),
      migrations,
      join(chassis.stateDir, "drains"),
    ),
  );
  for (const id of await drains.recover()) adopted.add(id);
  return {
    waiting: () => outgoing.waiting,
    drainHost: (request, call) => drains.start(request, call),
    services: [migrationService(chassis, migrations, queue, news), peerService(migrations)],
    adopted,
    [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose](),
  };
}

function drainContext(
  chassis: Chassis,
  directory: AgentDirectory,
  { context }: Migrations,
  queue: MigrationQueue,
): DrainContext {
  return {
    migration: context,
    queue,
    ready: directory.synced,
    places: () => directory.list().flatMap(placesOf),
    onPlaces: (listener) => directory.onChange(listener),
    parallel: () => chassis.limits.now.outgoing,
    guests: (offline) =>
      chassis.driver.domains
        .list()
        .filter((d) => isActive(d.state) || offline)
        .map(({ uuid, name, memoryBytes, state }) => ({
          uuid,
          name,
          memoryBytes,
          offline: !isActive(state),
        })),
  };
}

function placesOf(agent: Agent): Place[] {
  return agent.uris.slice(0, 1).map((uri) => ({
    uri,
    host: agent.host,
    alive: agent.state !== AgentState.AGENT_STATE_LOST,
    cordoned: agent.cordoned,
    labels: agent.labels,
    freeMemoryBytes: agent.freeMemoryBytes,
    incomingLimit: agent.incomingLimit,
    incoming: agent.incomingMigrations,
  }));
}

/** Asks a destination for a place, until the signal is aborted. */
async function* reserve(peers: Peers, sourceHost: string, traveller: Traveller, signal: AbortSignal) {
  const { id, destinationUri, priority, sinceMs } = traveller;
  const waitedMs = BigInt(Math.max(0, Date.now() - sinceMs));
  const request = { uri: destinationUri, migrationId: id, sourceHost, priority, waitedMs };
  const channel = peers.channelTo(destinationUri);
  yield* streamCall(channel, MigrationPeerServiceService.reserve, request, { signal });
}

/**
 * Channels to other agents, by what the directory says of them; one an address, kept as long as the agent is the
 * same. One to an agent that was away would go on to refuse calls for as long as it waits with its next attempt.
 */
class Peers implements AsyncDisposable {
  readonly #chassis: Chassis;
  readonly #directory: AgentDirectory;
  /** Nobody who may be silent for so long is lost before. */
  readonly #silenceMs: number;
  readonly #channels = new Map<string, { readonly instance: string; readonly channel: Channel }>();

  constructor(chassis: Chassis, directory: AgentDirectory, silenceMs: number) {
    this.#chassis = chassis;
    this.#directory = directory;
    this.#silenceMs = silenceMs;
  }

  channelTo(uri: string): Channel {
    if (isUriPattern(uri)) {
      throw new VirtError(
        "INVALID_URI",
        `"${uri}" names several hosts, and a guest is migrated to one; name it like qemu://host-b/system`,
        { violations: [{ field: "destination_uri", description: "must name one host" }] },
      );
    }
    const { scheme, host } = parseConnectionUri(uri);
    const agent = this.#directory.find(scheme, host);
    if (agent === undefined) {
      const known = this.#directory.byScheme(scheme).map((a) => a.host);
      const others = known.filter((name) => name !== this.#chassis.host).sort();
      throw new VirtError(
        "UNKNOWN_HOST",
        `no agent serves ${uri}; other ${scheme} hosts are ${others.join(", ") || "none"}`,
        {
          metadata: { uri },
        },
      );
    }
    if (agent.state === AgentState.AGENT_STATE_LOST) {
      throw new VirtError(
        "HOST_GONE",
        `the agent of ${uri} does not renew its lease: the host or its agent is down`,
        { metadata: { uri } },
      );
    }
    const known = this.#channels.get(agent.address);
    if (known?.instance === agent.instance) return known.channel;
    known?.channel.close();
    const channel = connect(agent.address, {
      keepaliveTimeoutMs: Math.max(KEEPALIVE_TIMEOUT_MS, this.#silenceMs),
      ...(this.#chassis.tls === undefined ? {} : { tls: this.#chassis.tls, serverName: agent.host }),
    });
    this.#channels.set(agent.address, { instance: agent.instance, channel });
    return channel;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { channel } of this.#channels.values()) channel.close();
  }
}
