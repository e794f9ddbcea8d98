import { isIP } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Agent, AgentState } from "@virtmesh/api/gen/virtmesh/v1/agent";
import type { Event } from "@virtmesh/api/gen/virtmesh/v1/event";
import { isActive } from "@virtmesh/core/domain/state";
import type { Driver } from "@virtmesh/core/driver/driver";
import { VirtError } from "@virtmesh/core/errors";
import { type DomainUuid, type HostName, hostName } from "@virtmesh/core/ids";
import { formatConnectionUri } from "@virtmesh/core/uri";
import { startServer } from "@virtmesh/kit/grpc-server";
import { createLogger, type Logger } from "@virtmesh/kit/logger";
import { createMetrics, type Metrics, serveMetrics } from "@virtmesh/kit/metrics";
import { Scope } from "@virtmesh/kit/scope";
import { toRpcStatus } from "@virtmesh/kit/status";
import type { Telemetry } from "@virtmesh/kit/telemetry";
import { tlsFrom } from "@virtmesh/kit/tls";
import { connectMesh, type Mesh } from "@virtmesh/mesh/connection";
import { writeInventory } from "@virtmesh/mesh/inventory";
import { LEASE_TTL_MS } from "@virtmesh/mesh/infrastructure";
import { keepLease } from "@virtmesh/mesh/registry";
import { RunTokens } from "@virtmesh/mesh/run-tokens";
import { autostart } from "./autostart/autostart.ts";
import { ChangeQueue } from "./changes/queue.ts";
import type { ServiceModule, ServiceModuleFactory } from "./chassis.ts";
import { toWireDomain } from "./convert/domain.ts";
import { roomOf } from "./convert/host.ts";
import { Cordon } from "./cordon/cordon.ts";
import type { DriverContext } from "./driver-context.ts";
import { followDriver } from "./driver-events.ts";
import { EventHub } from "./events/event-hub.ts";
import { EventLog } from "./events/event-log.ts";
import { LineLog } from "./journal/line-log.ts";
import { beAlone } from "./machine/alone.ts";
import { installationOf, nameTaken } from "./machine/installation.ts";
import { makeDir } from "./journal/make-dir.ts";
import { AgentMetrics } from "./metrics/agent-metrics.ts";
import { MigrationMetrics } from "./metrics/migration-metrics.ts";
import { Operations } from "./operations/operations.ts";
import { Outbox } from "./outbox/outbox.ts";
import { RequestMemory } from "./requests/memory.ts";
import { agentService } from "./services/agent-service.ts";
import { blockJobService } from "./services/block-job-service.ts";
import type { ServiceContext } from "./services/context.ts";
import { placeOf } from "./services/context.ts";
import { conversionService } from "./services/conversion-service.ts";
import { deviceService } from "./services/device-service.ts";
import { guestInfoService } from "./services/guest-info-service.ts";
import { resourceService } from "./services/resource-service.ts";
import { savedStateService } from "./services/saved-state-service.ts";
import { snapshotService } from "./services/snapshot-service.ts";
import { storageService } from "./services/storage-service.ts";
import { domainService } from "./services/domain-service.ts";
import { eventService } from "./services/event-service.ts";
import { hostService } from "./services/host-service.ts";
import { guardModule } from "./services/module-guard.ts";
import { operationService } from "./services/operation-service.ts";
import { checkUri } from "./services/uris.ts";
import { endFenced } from "./tokens/end-fenced.ts";
import { TokenGuard } from "./tokens/token-guard.ts";
import { TokenJournal } from "./tokens/token-journal.ts";
import { IncomingGate } from "./traffic/incoming-gate.ts";
import { type Limits, LimitsStore } from "./traffic/limits.ts";

export interface AgentOptions {
  readonly host: string;
  readonly version?: string;
  /** `host:port`, port 0 for any. */
  readonly listen: string;
  /** Under which name or address others reach this host; by default the one it listens on. */
  readonly dataAddress?: string;
  readonly stateDir: string;
  readonly runDir: string;
  /** Absent: the agent works alone, without migrations and without anybody else hearing its events. */
  readonly nats?: {
    readonly servers: readonly string[];
    readonly user?: string;
    readonly password?: string;
  };
  /** `ca.pem`, `cert.pem` and `key.pem`; without it nothing is encrypted. */
  readonly tlsDir?: string;
  /** Where `/metrics` is served; absent: nowhere. */
  readonly metricsListen?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Of migrations, as long as nobody changes them at run time. */
  readonly limits?: Partial<Limits>;
  /** Time to live of the lease, the same in the whole mesh. */
  readonly leaseTtlMs?: number;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  readonly telemetry?: Telemetry;
  readonly createDriver: (context: DriverContext) => Promise<Driver> | Driver;
  /** Services beside those of the chassis: migrations. */
  readonly modules?: readonly ServiceModuleFactory[];
  readonly signal?: AbortSignal;
}

export interface RunningAgent extends AsyncDisposable {
  /** Where it answers gRPC, as others reach it. */
  readonly address: string;
  readonly metricsAddress: string | undefined;
  readonly uris: readonly [string, ...string[]];
  readonly driver: Driver;
  readonly context: ServiceContext;
  /** Rejects when the agent must not go on: another one has its name. Never resolves. */
  readonly failed: Promise<never>;
}

const VERSION = "0.1.0";
/** How long guests that start with their host wait for NATS. */
const COMPARE_MS = 5_000;

/**
 * Starts an agent in this process: the driver, then what the run before left behind (operations, tokens, events,
 * migrations), then the services, and the lease last, so that nobody is sent here before all of it is there.
 * Disposing ends the agent and no guest.
 */
export async function startAgent(options: AgentOptions): Promise<RunningAgent> {
  const scope = new Scope(options.signal);
  try {
    return await start(options, scope);
  } catch (e) {
    await scope[Symbol.asyncDispose]();
    throw e;
  }
}

async function start(options: AgentOptions, scope: Scope): Promise<RunningAgent> {
  const host = hostName(options.host);
  const { stateDir, runDir } = options;
  for (const dir of [stateDir, runDir]) await makeDir(dir);
  scope.own(await beAlone(stateDir));
  const installation = await installationOf(stateDir);
  const logger = options.logger ?? createLogger({ service: "agent", host, level: "silent" });
  const metrics = options.metrics ?? createMetrics({ service: "agent", host });
  const tls = options.tlsDir === undefined ? undefined : await tlsFrom(options.tlsDir);
  const dataAddress = options.dataAddress ?? reachableHost(options.listen);
  const shared = {
    host,
    stateDir,
    runDir,
    dataAddress,
    logger,
    metrics,
    signal: scope.signal,
    ...(tls === undefined ? {} : { tls }),
    ...(options.tlsDir === undefined ? {} : { tlsDir: options.tlsDir }),
  };
  const mesh = connect(options, host, logger, scope);
  const driver = scope.own(await options.createDriver(shared));
  const uris = urisOf(driver, host);
  const startTimeMs = Date.now();
  const version = options.version ?? VERSION;
  const labels = options.labels ?? {};

  const agentMetrics = new AgentMetrics(metrics);
  const outbox = mesh && scope.own(await Outbox.open({ dir: join(stateDir, "outbox"), mesh, logger }));
  const tokens = scope.own(await openTokens(shared, driver.name, mesh, (uuid) => endFenced(context, uuid)));
  const events = new EventHub({
    log: new EventLog(crypto.randomUUID()),
    uri: uris[0],
    host,
    generationOf: (uuid) => tokens.lastGenerationOf(uuid),
    onEvent: (event) => {
      agentMetrics.onEvent(event);
      if (outbox) keep(outbox, event, logger);
    },
  });
  const requests = scope.own(await openRequests(stateDir, logger));
  const operations = scope.own(await openOperations(stateDir, uris[0], logger));
  // First of all listeners: what ends because the agent ends is not an outcome of any operation.
  scope.signal.addEventListener("abort", () => operations.freeze(), { once: true });
  const queue = scope.own(
    new ChangeQueue({ onEnd: (verb, seconds) => agentMetrics.onChange(verb, seconds) }),
  );
  const migrationMetrics = new MigrationMetrics(metrics);
  const cordon = await Cordon.open(host, join(stateDir, "cordon.json"));
  const limits = await LimitsStore.open(join(stateDir, "migration-limits.json"), options.limits);
  const incoming = new IncomingGate(host, limits, cordon);

  let address = options.listen;
  const context: ServiceContext = {
    ...shared,
    driver,
    hypervisor: driver.name,
    version,
    instance: events.instance,
    startTimeMs,
    uris,
    labels,
    checkUri: (uri) => checkUri(uri, host, uris),
    queue,
    requests,
    operations,
    tokens,
    cordon,
    limits,
    incoming,
    events,
    migrationMetrics,
    ...(mesh === undefined ? {} : { mesh }),
    leaseTtlMs: options.leaseTtlMs ?? LEASE_TTL_MS,
    describeAgent: (): Agent => ({
      host,
      hypervisor: driver.name,
      uris: [...uris],
      address,
      version,
      instance: events.instance,
      installation,
      startTime: new Date(startTimeMs),
      labels: { ...labels },
      eventsConnected: mesh?.connected ?? false,
      outboxLength: BigInt(outbox?.length ?? 0),
      state: AgentState.AGENT_STATE_ALIVE,
      domains: driver.domains.list().length,
      ...roomOf(driver),
      cordoned: cordon.cordoned,
      incomingLimit: limits.now.incoming,
      incomingMigrations: incoming.running,
    }),
  };
  const inventory = mesh && scope.own(writeInventory(mesh, { host, uris }));
  scope.own(followDriver(context, inventory));
  inventory?.replaceAll(driver.domains.list().map((info) => toWireDomain(info, placeOf(context, info.uuid))));

  const modules = await openModules(options.modules ?? [], context, scope);
  const abandoned = await operations.abandonRest(new Set(modules.flatMap((m) => [...m.adopted])));
  if (abandoned > 0) logger.warn({ abandoned }, "operations that ran when the agent ended were not taken up");

  const server = scope.own(
    await startServer({
      listen: options.listen,
      tls,
      telemetry: options.telemetry,
      logger,
      metrics,
      signal: scope.signal,
      services: [
        guardModule(context, hostService(context, modules.find((m) => m.drainHost !== undefined)?.drainHost)),
        domainService(context),
        deviceService(context),
        resourceService(context),
        snapshotService(context),
        savedStateService(context),
        guestInfoService(context),
        conversionService(context),
        storageService(context),
        blockJobService(context),
        eventService(context),
        operationService(context),
        agentService(context),
        ...modules.flatMap((m) => m.services.map((service) => guardModule(context, service))),
      ],
    }),
  );
  address = announced(server.address, dataAddress);
  scope.own(
    agentMetrics.show({
      host,
      stats: () => driver.domains.stats(),
      migrations: migrationMetrics,
      owned: () => tokens.held().map((t) => ({ ...t, name: driver.domains.find(t.uuid)?.name ?? "" })),
      conflicts: () => tokens.conflicts,
      waitingChanges: () => queue.waiting,
      waitingMigrations: () => ({
        source: modules.reduce((sum, m) => sum + (m.waiting?.() ?? 0), 0),
        destination: incoming.waiting,
      }),
      cordon,
      outbox: () => outbox,
      natsConnected: () => mesh?.connected ?? false,
    }),
  );
  const metricsServer =
    options.metricsListen === undefined
      ? undefined
      : scope.own(await serveMetrics(metrics, options.metricsListen, scope.signal));
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  const compared = mesh ? joinMesh(mesh, context, agentMetrics, failure, scope) : Promise.resolve();
  scope.run(
    async (signal) => {
      // A guest that was taken back while this host was off must not start here: NATS knows, if it is there.
      await Promise.race([compared, failure.promise, delay(COMPARE_MS, undefined, { signal })]);
      await autostart(context);
    },
    (err) => logger.error({ err }, "starting the guests that start with their host failed"),
  );
  return {
    address,
    metricsAddress: metricsServer?.address,
    uris,
    driver,
    context,
    failed: failure.promise,
    [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose](),
  };
}

function connect(options: AgentOptions, host: HostName, logger: Logger, scope: Scope): Mesh | undefined {
  const { nats, tlsDir } = options;
  if (nats === undefined) return undefined;
  return scope.own(
    connectMesh({
      servers: nats.servers,
      name: `agent of ${host}`,
      logger,
      ...(nats.user === undefined ? {} : { user: nats.user }),
      ...(nats.password === undefined ? {} : { password: nats.password }),
      ...(tlsDir === undefined
        ? {}
        : {
            tls: { ca: join(tlsDir, "ca.pem"), cert: join(tlsDir, "cert.pem"), key: join(tlsDir, "key.pem") },
          }),
    }),
  );
}

/**
 * Announces the agent and, once it has its name, compares the run tokens whenever NATS is there again. Resolves when
 * that was done for the first time.
 */
function joinMesh(
  mesh: Mesh,
  context: ServiceContext,
  agentMetrics: AgentMetrics,
  failure: PromiseWithResolvers<never>,
  scope: Scope,
): Promise<void> {
  const first = Promise.withResolvers<void>();
  const compare = (): void =>
    scope.run(
      async () => {
        const { domains } = context.driver;
        await context.tokens.reconcile({
          known: () => domains.list().map((d) => d.uuid),
          isActive: (uuid) => isActive(domains.find(uuid)?.state ?? "shutoff"),
          whenFree: (uuid) => context.queue.whenFree(uuid),
        });
        first.resolve();
      },
      (err) =>
        context.logger.warn({ err }, "the run tokens could not be compared with NATS, it is tried again"),
    );
  const lease = scope.own(
    keepLease(
      mesh,
      () => {
        agentMetrics.onRenewal();
        return context.describeAgent();
      },
      {
        ttlMs: context.leaseTtlMs,
        // Tokens name their host only: an agent that shares its name would take the other's for its own.
        onHeld: () => scope.own(mesh.onSession(compare)),
        onTaken: (by) => failure.reject(nameTaken(by)),
      },
    ),
  );
  // Who looks for a place for a guest must not choose by what was so a second ago.
  scope.own(context.cordon.onChange(() => lease.renew()));
  scope.own(context.incoming.onChange(() => lease.renew()));
  return first.promise;
}

async function openTokens(
  shared: {
    readonly host: HostName;
    readonly stateDir: string;
    readonly logger: Logger;
    readonly signal: AbortSignal;
  },
  hypervisor: string,
  mesh: Mesh | undefined,
  endFenced: (uuid: DomainUuid) => Promise<void>,
): Promise<TokenGuard> {
  const journal = await TokenJournal.open(join(shared.stateDir, "tokens.json"));
  return new TokenGuard({
    journal,
    hypervisor,
    endFenced,
    host: shared.host,
    logger: shared.logger,
    signal: shared.signal,
    ...(mesh ? { owners: new RunTokens(mesh), isConnected: () => mesh.connected } : {}),
  });
}

async function openRequests(stateDir: string, logger: Logger): Promise<RequestMemory> {
  const { log, read } = await LineLog.open(join(stateDir, "requests.log"));
  const onProblem = (err: unknown): void =>
    logger.error({ err }, "an answer could not be written down for retries");
  return new RequestMemory({ log, entries: read.entries, onProblem });
}

async function openOperations(stateDir: string, uri: string, logger: Logger): Promise<Operations> {
  const { log, read } = await LineLog.open(join(stateDir, "operations.log"));
  return new Operations({
    uri,
    log,
    entries: read.entries,
    toStatus: toRpcStatus,
    onProblem: (err, what) => logger.error({ err, what }, "an operation met a problem of ours"),
  });
}

async function openModules(
  factories: readonly ServiceModuleFactory[],
  context: ServiceContext,
  scope: Scope,
): Promise<ServiceModule[]> {
  const modules: ServiceModule[] = [];
  for (const make of factories) modules.push(scope.own(await make(context)));
  return modules;
}

/** The outbox has its own order and its own queue; only a full disk makes it fail. */
function keep(outbox: Outbox, event: Event, logger: Logger): void {
  outbox.append(event).catch((err: unknown) => {
    logger.error(
      { err, event: event.id },
      "an event could not be kept for NATS and is lost to its readers there",
    );
  });
}

function urisOf(driver: Driver, host: HostName): readonly [string, ...string[]] {
  const [first, ...rest] = driver.serves.map(({ scheme, path }) =>
    formatConnectionUri({ scheme, host, path }),
  );
  if (first === undefined)
    throw new VirtError("INTERNAL", `the ${driver.name} driver serves no connection URI`);
  return [first, ...rest];
}

/** The host part of an address to listen on, or this machine's name when that is "all of them". */
function reachableHost(listen: string): string {
  const host = /^(?:\[([^\]]+)\]|([^:]*)):\d+$/.exec(listen);
  const name = host?.[1] ?? host?.[2] ?? "";
  return name === "" || name === "0.0.0.0" || name === "::" ? hostname() : name;
}

/** Where others reach what is bound to an address. */
function announced(bound: string, dataAddress: string): string {
  const port = /^(?:0\.0\.0\.0|\[::\]|):(\d+)$/.exec(bound)?.[1];
  if (port === undefined) return bound;
  return `${isIP(dataAddress) === 6 ? `[${dataAddress}]` : dataAddress}:${port}`;
}
