import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import { JetStreamApiError, jetstream } from "@nats-io/jetstream";
import type { KV } from "@nats-io/kv";
import { Kvm } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/transport-node";
import { connect, InvalidArgumentError, PermissionViolationError } from "@nats-io/transport-node";
import { VirtError } from "@virtmesh/core/errors";
import { raceAbort, untilAborted } from "./abort.ts";
import type { Bounds } from "./bounds.ts";
import { DEFAULT_TIMEOUT_MS } from "./bounds.ts";
import type { BucketName, InfrastructureOptions } from "./infrastructure.ts";
import { BUCKETS, ensureInfrastructure } from "./infrastructure.ts";
import type { MeshLogger } from "./logger.ts";
import { silentLogger } from "./logger.ts";

export interface MeshOptions {
  /** `nats://10.0.0.1:4222`; name every server of a cluster. */
  readonly servers: string | readonly string[];
  /** Seen in the server's lists of connections. */
  readonly name: string;
  /** Files in PEM form, read again at each connection, so that renewed certificates are taken up. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly user?: string;
  readonly password?: string;
  readonly logger?: MeshLogger;
  /** Closes the mesh when aborted. */
  readonly signal?: AbortSignal;
  readonly infrastructure?: InfrastructureOptions;
}

/**
 * One connection, from the moment it is usable (streams and buckets exist) until it breaks. Nothing outlives
 * it: no publish is kept back for the next connection, and every subscription is made anew from state.
 */
export interface Session {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  /** Aborted when the connection is gone. */
  readonly signal: AbortSignal;
  bucket(name: BucketName): KV;
}

const FIRST_BACKOFF_MS = 50;
const LAST_BACKOFF_MS = 2_000;
/** A server that is stopped but still holds its socket is found out after two of these. */
const PING_INTERVAL_MS = 3_000;
const DIAL_TIMEOUT_MS = 3_000;

/**
 * The link of a process to NATS. It never blocks a start: it connects in the background, for ever, and says
 * through `connected` and `onStatus` how it stands. Modules of this package work through `run`, `onSession`
 * and `session`; nobody else needs those.
 */
export class Mesh implements AsyncDisposable {
  readonly logger: MeshLogger;
  readonly #options: MeshOptions;
  readonly #closing = new AbortController();
  readonly #statusListeners = new Set<(up: boolean) => void>();
  readonly #sessionListeners = new Set<(session: Session) => void>();
  #session: Session | undefined;
  readonly #running: Promise<void>;

  constructor(options: MeshOptions) {
    this.#options = options;
    this.logger = options.logger ?? silentLogger;
    options.signal?.addEventListener("abort", () => this.#closing.abort(), { once: true });
    if (options.signal?.aborted) this.#closing.abort();
    this.#running = this.#keepConnected();
  }

  /** Whether NATS can be used at this moment, as far as is known. */
  get connected(): boolean {
    return this.#session !== undefined;
  }

  /** Aborted once `close` was called. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  get session(): Session | undefined {
    return this.#session;
  }

  /** Called at each change, not at once. */
  onStatus(listener: (up: boolean) => void): Disposable {
    this.#statusListeners.add(listener);
    return { [Symbol.dispose]: () => void this.#statusListeners.delete(listener) };
  }

  /** Called for every connection, at once when there is one: the place to read state anew and to subscribe. */
  onSession(listener: (session: Session) => void): Disposable {
    this.#sessionListeners.add(listener);
    if (this.#session) listener(this.#session);
    return { [Symbol.dispose]: () => void this.#sessionListeners.delete(listener) };
  }

  /** Resolves with the connection; rejects when `signal` aborts or the mesh closes. */
  async whenConnected(signal: AbortSignal): Promise<Session> {
    if (this.#session) return this.#session;
    const { promise, resolve, reject } = Promise.withResolvers<Session>();
    const give = (): void => reject(new VirtError("EVENTS_UNAVAILABLE", "NATS is not connected"));
    const either = AbortSignal.any([signal, this.#closing.signal]);
    if (either.aborted) give();
    either.addEventListener("abort", give, { once: true });
    using _listening = this.onSession(resolve);
    try {
      return await promise;
    } finally {
      either.removeEventListener("abort", give);
    }
  }

  /**
   * Runs one operation on the connection, waiting for one if need be, within the bounds. Fails with
   * EVENTS_UNAVAILABLE when NATS did not answer in time (the operation may then have happened, or happen
   * later), with CANCELLED when the caller's signal was aborted; what NATS answered is thrown as it is.
   */
  async run<T>(what: string, bounds: Bounds, operation: (session: Session) => Promise<T>): Promise<T> {
    const timeoutMs = bounds.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const timer = new AbortController();
    const timeout = setTimeout(() => timer.abort(), timeoutMs);
    const limit = AbortSignal.any([
      timer.signal,
      this.#closing.signal,
      ...(bounds.signal ? [bounds.signal] : []),
    ]);
    try {
      const session = await this.whenConnected(limit);
      return await raceAbort(operation(session), AbortSignal.any([limit, session.signal]));
    } catch (e) {
      if (bounds.signal?.aborted) {
        throw new VirtError("CANCELLED", `${what} was cancelled`, {}, { cause: e });
      }
      if (VirtError.is(e) && e.reason !== "EVENTS_UNAVAILABLE") throw e;
      const violation = permissionViolation(e);
      if (violation) throw notPermitted(what, violation);
      if (isAnswer(e)) throw e;
      const message = timer.signal.aborted ? `did not answer within ${timeoutMs} ms` : "is not reachable";
      throw new VirtError(
        "EVENTS_UNAVAILABLE",
        `${what}: NATS at ${serverList(this.#options).join(", ")} ${message}`,
        {},
        { cause: e },
      );
    } finally {
      clearTimeout(timeout);
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #keepConnected(): Promise<void> {
    let failures = 0;
    while (!this.#closing.signal.aborted) {
      try {
        await this.#oneConnection(() => {
          failures = 0;
        });
      } catch (e) {
        if (failures === 0 && !this.#closing.signal.aborted) {
          this.logger.warn(
            { err: e, servers: serverList(this.#options) },
            "NATS cannot be reached, going on to try",
          );
        }
      }
      failures += 1;
      await pause(backoff(failures), this.#closing.signal);
    }
  }

  async #oneConnection(onUsable: () => void): Promise<void> {
    const nc = await connect(await connectionOptions(this.#options));
    const gone = new AbortController();
    const closed = nc.closed().then((e) => gone.abort(e instanceof Error ? e : undefined));
    // Closing may have begun while it was dialled.
    const over = AbortSignal.any([gone.signal, this.#closing.signal]);
    try {
      const session = await this.#prepare(nc, over);
      onUsable();
      this.#enter(session);
      await untilAborted(over);
    } finally {
      this.#leave();
      if (!nc.isClosed()) await shut(nc);
      gone.abort();
      await closed;
    }
  }

  async #prepare(nc: NatsConnection, signal: AbortSignal): Promise<Session> {
    const js = jetstream(nc, { timeout: DEFAULT_TIMEOUT_MS, checkAPI: false });
    const jsm = await js.jetstreamManager(false);
    await raceAbort(ensureInfrastructure(jsm, this.#options.infrastructure ?? {}, this.logger), signal);
    const kvm = new Kvm(js);
    const buckets = new Map<BucketName, KV>();
    for (const name of BUCKETS) buckets.set(name, await kvm.open(name, { allow_direct: false }));
    return {
      nc,
      js,
      jsm,
      signal,
      bucket(name) {
        const kv = buckets.get(name);
        if (!kv) throw new VirtError("INTERNAL", `no bucket "${name}"`);
        return kv;
      },
    };
  }

  #enter(session: Session): void {
    this.#session = session;
    this.logger.info({ server: session.nc.getServer(), version: session.nc.info?.version }, "NATS connected");
    for (const listener of [...this.#sessionListeners]) listener(session);
    for (const listener of [...this.#statusListeners]) listener(true);
  }

  #leave(): void {
    if (!this.#session) return;
    this.#session = undefined;
    if (!this.#closing.signal.aborted) this.logger.warn({}, "NATS connection lost");
    for (const listener of [...this.#statusListeners]) listener(false);
  }
}

/** Starts to connect in the background and returns at once. */
export function connectMesh(options: MeshOptions): Mesh {
  return new Mesh(options);
}

function serverList(options: MeshOptions): string[] {
  return typeof options.servers === "string" ? [options.servers] : [...options.servers];
}

async function connectionOptions(options: MeshOptions): Promise<Parameters<typeof connect>[0]> {
  const { tls } = options;
  const files =
    tls &&
    (await Promise.all([readFile(tls.ca, "utf8"), readFile(tls.cert, "utf8"), readFile(tls.key, "utf8")]));
  return {
    servers: serverList(options),
    name: options.name,
    // A connection of its own each time: the client would otherwise keep publishes back and send them,
    // unasked for by then, on the next connection.
    reconnect: false,
    timeout: DIAL_TIMEOUT_MS,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: 2,
    noAsyncTraces: true,
    ...(options.user === undefined ? {} : { user: options.user }),
    ...(options.password === undefined ? {} : { pass: options.password }),
    ...(files ? { tls: tlsOptions(files, serverList(options)) } : {}),
  };
}

function tlsOptions([ca, cert, key]: readonly string[], servers: readonly string[]): object {
  const hosts = servers.map((server) =>
    server
      .replace(/^\w+:\/\//, "")
      .replace(/:\d+$/, "")
      .replace(/^\[|\]$/g, ""),
  );
  return {
    ca,
    cert,
    key,
    // For a server named by its address the client would have Node check the name "localhost".
    checkServerIdentity: (_name: string, certificate: PeerCertificate) => {
      const faults = hosts.map((host) => checkServerIdentity(host, certificate));
      return faults.includes(undefined) ? undefined : faults[0];
    },
  };
}

/** Drains, so that what was published has left, but does not wait for a server that stopped answering. */
async function shut(nc: NatsConnection): Promise<void> {
  const limit = new AbortController();
  await Promise.race([nc.drain().catch(() => nc.close()), pause(1_000, limit.signal).then(() => nc.close())]);
  limit.abort();
}

function backoff(failures: number): number {
  const full = Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1));
  // Jitter, so that a fleet does not come back all at once.
  return full / 2 + (Math.random() * full) / 2;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch((e: unknown) => {
    if (!signal.aborted) throw e;
  });
}

/**
 * Whether this is what NATS answered, or the fault of who asked, as against no answer. 503 is how JetStream
 * says that it has no leader or no room at this moment.
 */
function isAnswer(e: unknown): boolean {
  return (e instanceof JetStreamApiError && e.status !== 503) || e instanceof InvalidArgumentError;
}

/** The client library wraps the refusal of a request's subject. */
function permissionViolation(e: unknown): PermissionViolationError | undefined {
  if (e instanceof PermissionViolationError) return e;
  return e instanceof Error && e.cause instanceof PermissionViolationError ? e.cause : undefined;
}

function notPermitted(what: string, e: PermissionViolationError): VirtError {
  return new VirtError(
    "NOT_PERMITTED",
    `${what}: the NATS user of this process may not ${e.operation} to ${e.subject}; see its permissions in the configuration of nats-server`,
    { metadata: { subject: e.subject } },
    { cause: e },
  );
}
