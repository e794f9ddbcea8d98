import { setTimeout as delay } from "node:timers/promises";
import type { Call } from "@virtmesh/core/call";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { Scope } from "@virtmesh/kit/scope";
import type { MeshLogger } from "@virtmesh/mesh/logger";
import { asVirtError, reasonOf } from "./faults.ts";
import type { Guest } from "./guests/guest.ts";
import { Guests } from "./guests/guests.ts";
import { type Facts, isConfiguredAnew, isGuest } from "./guests/facts.ts";
import { readAll, readOne } from "./guests/inventory.ts";
import { Sampler } from "./guests/sampler.ts";
import { type EventSink, type InstanceEvent, probe, probeClass, watchEvents } from "./guests/watch.ts";
import { type HostFacts, readHost } from "./host.ts";
import { Jobs, type JobWatcher } from "./msvm/jobs.ts";
import { readMsvm } from "./msvm/read.ts";
import { EVERYTHING, MsvmSession, serviceReference } from "./msvm/session.ts";
import type { ClassName, Input, MethodClass, MethodName, Output } from "./msvm/types.ts";
import type { HostNames } from "./settings/model.ts";
import { type CallOptions, WsmanClient } from "./wsman/client.ts";
import type { Credentials } from "./wsman/connection.ts";
import type { Endpoint } from "./wsman/http.ts";
import { Subscription } from "./wsman/subscription.ts";
import type { Reference } from "./wsman/values.ts";

/** Without events: how often everything is read, and how often a job that somebody waits for is. */
const DEGRADED_MS = 10_000;
const DEGRADED_JOBS_MS = 1_000;

/** RequestedState of a job, of whatever class: end in order. */
const TERMINATE = 4;

interface Connected {
  readonly session: MsvmSession;
  readonly host: HostFacts;
  /** Why the host tells nothing by itself; undefined when it does. */
  readonly degraded: string | undefined;
}

/** Resolves when something has happened since it was opened, or since the last time. */
export interface Changes extends AsyncDisposable {
  next(signal: AbortSignal): Promise<void>;
}

/** The Hyper-V host behind this agent: the session with it, what it is, and its guests. */
export class HypervServer implements EventSink, AsyncDisposable {
  readonly guests = new Guests();
  readonly sampler = new Sampler(this.guests);
  readonly logger: MeshLogger;
  readonly #scope = new Scope();
  readonly #jobs = new Jobs();
  readonly #ready = Promise.withResolvers<void>();
  #connected: Connected | undefined;
  #names: HostNames = { server: "", switches: new Map() };

  constructor(logger: MeshLogger) {
    this.logger = logger;
    this.#ready.promise.catch(() => undefined);
  }

  /** Resolves when all guests are known. @throws HOST_SETUP, NOT_AUTHENTICATED, HYPERVISOR_UNRESPONSIVE */
  async connect(endpoint: Endpoint, credentials: Credentials, signal: AbortSignal): Promise<void> {
    const client = this.#scope.own(new WsmanClient(endpoint, credentials));
    try {
      const session = new MsvmSession(client);
      const host = await readHost(session, { signal });
      const found = await probe(session, signal);
      const degraded = "refusal" in found ? messageOf(found.refusal) : undefined;
      this.#connected = { session, host, degraded };
      if ("queries" in found)
        this.#scope.run((own) => watchEvents(session, found.queries, this, own), this.#ready.reject);
      else this.#lookAround(degraded ?? "");
      await this.#ready.promise;
      const onError = (err: unknown): void =>
        this.logger.warn({ err }, "the numbers of guests cannot be read");
      await this.sampler.take(session, { signal }).catch(onError);
      this.#scope.run((own) => this.sampler.run(session, own, onError), onError);
    } catch (e) {
      const remedy =
        e instanceof Error && e.name === "WsmanCertificateError"
          ? " (name its authority with --server-ca, or the certificate itself with --server-fingerprint)"
          : "";
      throw asVirtError(e, `${client.address} cannot be used${remedy}`);
    }
  }

  get session(): MsvmSession {
    return this.#here.session;
  }

  get host(): HostFacts {
    return this.#here.host;
  }

  get names(): HostNames {
    return this.#names;
  }

  /** Why the host tells nothing by itself; undefined when it does. */
  get degraded(): string | undefined {
    return this.#connected?.degraded;
  }

  get #here(): Connected {
    if (this.#connected !== undefined) return this.#connected;
    throw new VirtError("HYPERVISOR_UNRESPONSIVE", "there is no connection to the host yet");
  }

  /** A method of one of the host's services, done when its job is. `what`: "guest "a" cannot be started". */
  async call<C extends MethodClass, M extends MethodName<C>>(
    what: string,
    className: C,
    method: M,
    input: Input<C, M>,
    c: Call,
    reference: Reference = serviceReference(className),
    watcher?: JobWatcher,
  ): Promise<{ readonly output: Output<C, M>; readonly job: Reference | undefined }> {
    const options: CallOptions = { signal: c.signal };
    try {
      const called = await this.session.call(className, reference, method, input, options);
      if (called.job !== undefined) {
        watcher?.begun(called.job);
        await this.#jobs.follow(this.session, called.job, options, watcher);
      }
      return called;
    } catch (e) {
      throw asVirtError(e, what);
    }
  }

  /** Resolves when a job that somebody began has ended well. */
  async follow(what: string, job: Reference, c: Call, watcher?: JobWatcher): Promise<void> {
    await this.ask(what, (session, options) => this.#jobs.follow(session, job, options, watcher), c);
  }

  /** Asks a job to end before its time. Whether it does is seen by how it ends. */
  async stopJob(job: Reference, c: Call): Promise<void> {
    try {
      const input = { RequestedState: TERMINATE };
      await this.session.call("Msvm_MigrationJob", job, "RequestStateChange", input, { signal: c.signal });
    } catch (e) {
      c.signal.throwIfAborted();
      this.logger.info({ why: messageOf(e) }, "a job of the host could not be stopped");
    }
  }

  /** What happens to instances of a class from here on; where the host tells nothing, each second may be something. */
  async changesOf(what: string, className: ClassName, c: Call): Promise<Changes> {
    const found = await this.ask(what, (session, { signal }) => probeClass(session, className, signal), c);
    if (typeof found !== "string")
      return {
        next: (signal) => delay(DEGRADED_JOBS_MS, undefined, { signal }),
        [Symbol.asyncDispose]: async () => undefined,
      };
    const subscription = await this.ask(
      what,
      ({ client }, options) => Subscription.open(client, EVERYTHING, found, options),
      c,
    );
    return {
      next: async (signal) => void (await subscription.next(signal)),
      [Symbol.asyncDispose]: () => subscription[Symbol.asyncDispose](),
    };
  }

  /** Aborted when the agent ends. */
  get signal(): AbortSignal {
    return this.#scope.signal;
  }

  /** Something that the host is asked for. */
  async ask<T>(
    what: string,
    question: (session: MsvmSession, options: CallOptions) => Promise<T>,
    c: Call,
  ): Promise<T> {
    try {
      return await question(this.session, { signal: c.signal });
    } catch (e) {
      throw asVirtError(e, what);
    }
  }

  /** Reads a guest anew: after a change of its settings, and after any change when the host tells nothing by itself. */
  async refresh(key: string, signal: AbortSignal): Promise<void> {
    const read = this.guests.beginReading(key);
    await this.#learnSwitches(signal);
    read(await readOne(this.session, key, this.#names, { signal }));
  }

  /** Resolves when the host has told that a guest is as it should be; where it tells nothing, it is asked. */
  async heard(guest: Guest, isSo: (facts: Facts | undefined) => boolean, c: Call): Promise<void> {
    if (this.degraded !== undefined) await this.refresh(guest.key, c.signal);
    await this.guests.until(guest.uuid, isSo, c);
  }

  async synced(signal: AbortSignal): Promise<void> {
    await this.#learnSwitches(signal);
    const leaveAside = (err: unknown, guest: string): void =>
      this.logger.error({ err, guest }, "a guest cannot be understood and is left aside");
    this.guests.become(await readAll(this.session, this.#names, leaveAside, { signal }));
    this.#jobs.askAgain();
    this.#ready.resolve();
  }

  async event({ kind, instance }: InstanceEvent, signal: AbortSignal): Promise<void> {
    if (instance.className !== "Msvm_ComputerSystem") {
      this.#jobs.tell(readMsvm("Msvm_ConcreteJob", instance));
      return;
    }
    const system = readMsvm("Msvm_ComputerSystem", instance);
    if (!isGuest(system)) return;
    // What somebody waits for may just have ended, and WMI tells that of jobs later than of guests.
    this.#jobs.askAgain();
    const key = system.Name ?? "";
    if (kind === "deleted") return this.guests.beginReading(key)(undefined);
    const known = this.guests.byKey(key);
    // One that has come back from another host may lie elsewhere now.
    const isNew = known === undefined || kind === "created";
    if (!isNew) this.guests.told(system);
    if (!isNew && !isConfiguredAnew(system, known.facts)) return;
    try {
      await this.refresh(key, signal);
    } catch (err) {
      // Only this guest: one that cannot be read is no ground to begin anew with all.
      if (reasonOf(err) !== undefined) throw err;
      this.logger.error(
        { err, guest: system.ElementName },
        "a guest cannot be understood and stays as it was",
      );
    }
  }

  interrupted(err: unknown): void {
    this.logger.warn({ err }, "the host's events are away; they are asked for again");
    // At the beginning nobody can wait for better times.
    this.#ready.reject(err);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope[Symbol.asyncDispose]();
  }

  #lookAround(why: string): void {
    this.logger.warn(
      { why },
      `the host refuses to tell what happens; it is looked at every ${DEGRADED_MS / 1000} s instead, and events come late or not at all`,
    );
    const jobs = setInterval(() => this.#jobs.askAgain(), DEGRADED_JOBS_MS);
    this.#scope.defer(() => clearInterval(jobs));
    this.#scope.run(async (own) => {
      while (!own.aborted) {
        try {
          await this.synced(own);
        } catch (e) {
          if (!own.aborted) this.interrupted(e);
        }
        await delay(DEGRADED_MS, undefined, { signal: own }).catch(() => undefined);
      }
    }, this.#ready.reject);
  }

  async #learnSwitches(signal: AbortSignal): Promise<void> {
    const found = await this.session.query("Msvm_VirtualEthernetSwitch", { signal });
    this.#names = {
      server: this.host.name,
      switches: new Map(
        found.map(({ Name, ElementName }) => [(Name ?? "").toUpperCase(), ElementName ?? ""]),
      ),
    };
  }
}
