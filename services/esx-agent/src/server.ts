import type { Call } from "@virtmesh/core/call";
import { VirtError } from "@virtmesh/core/errors";
import { Scope } from "@virtmesh/kit/scope";
import type { MeshLogger } from "@virtmesh/mesh/logger";
import { asVirtError } from "./faults.ts";
import { WATCHED } from "./guests/facts.ts";
import type { Guest } from "./guests/guest.ts";
import { Guests } from "./guests/guests.ts";
import { findPlace, HOST_WATCHED, type Place } from "./inventory/place.ts";
import { Performance } from "./performance/performance.ts";
import type { Reference, VimObject } from "./vim/encode.ts";
import { childOf, type VimNode } from "./vim/node.ts";
import { propertiesOf } from "./vim/retrieve.ts";
import { type Credentials, VimSession } from "./vim/session.ts";
import { runTask } from "./vim/tasks.ts";
import type { Endpoint } from "./vim/transport.ts";
import { watchUpdates } from "./vim/updates.ts";

interface Connection {
  readonly session: VimSession;
  readonly place: Place;
}

/** The ESX host or vCenter behind this agent: its session, the host that is fronted, and its guests. */
export class EsxServer implements AsyncDisposable {
  readonly guests: Guests;
  readonly performance: Performance;
  readonly logger: MeshLogger;
  readonly #scope = new Scope();
  #connection: Connection | undefined;

  constructor(logger: MeshLogger) {
    this.logger = logger;
    this.performance = new Performance(this);
    this.guests = new Guests(logger, (uuids) => void this.performance.ask(uuids));
  }

  /** Resolves when all guests are known. @throws HOST_SETUP, NOT_AUTHENTICATED, HYPERVISOR_UNRESPONSIVE */
  async connect(
    endpoint: Endpoint,
    credentials: Credentials,
    path: string,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const session = this.#scope.own(await VimSession.connect(endpoint, credentials, signal));
      const place = await findPlace(session, path, signal);
      this.#connection = { session, place };
      this.guests.frontHost(place.host);
      const failed = Promise.withResolvers<never>();
      this.#scope.run(
        (own) => watchUpdates(session, guestsOf(place.host), this.guests, own),
        (e) => {
          const err = asVirtError(e, "the server refuses to tell what changes");
          this.logger.error(
            { err },
            "what is known of guests stays as it is from here on; restart the agent",
          );
          failed.reject(err);
        },
      );
      failed.promise.catch(() => undefined);
      await Promise.race([this.guests.ready, failed.promise]);
      // They were asked for when the guests became known.
      await this.performance.ask([]);
    } catch (e) {
      const remedy =
        e instanceof Error && e.name === "VimCertificateError"
          ? " (name its authority with --server-ca, or the certificate itself with --server-fingerprint)"
          : "";
      throw asVirtError(e, `${endpoint.host}:${endpoint.port} cannot be used${remedy}`);
    }
  }

  /** Aborted when the agent ends. */
  get signal(): AbortSignal {
    return this.#scope.signal;
  }

  get session(): VimSession {
    return this.#connected.session;
  }

  get place(): Place {
    return this.#connected.place;
  }

  get #connected(): Connection {
    if (this.#connection !== undefined) return this.#connection;
    throw new VirtError("HYPERVISOR_UNRESPONSIVE", "there is no connection to the server yet");
  }

  /** A task about a guest. `what`: "guest "a" cannot be started". */
  async task(
    what: string,
    guest: Guest,
    method: string,
    args: VimObject,
    c: Call,
  ): Promise<VimNode | undefined> {
    return await this.taskAt(what, guest.object, method, args, c, guest.name);
  }

  async taskAt(
    what: string,
    object: Reference,
    method: string,
    args: VimObject,
    c: Call,
    name?: string,
  ): Promise<VimNode | undefined> {
    try {
      return await runTask(this.session, method, object, args, { signal: c.signal });
    } catch (e) {
      throw asVirtError(e, what, name);
    }
  }

  /** A call about a guest that is done when it is answered. */
  async call(
    what: string,
    guest: Guest,
    method: string,
    args: VimObject,
    c: Call,
  ): Promise<VimNode | undefined> {
    return await this.callAt(what, guest.object, method, args, c, guest.name);
  }

  async callAt(
    what: string,
    object: Reference,
    method: string,
    args: VimObject,
    c: Call,
    name?: string,
  ): Promise<VimNode | undefined> {
    try {
      const answer = await this.session.call(method, object, args, { signal: c.signal });
      return childOf(answer, "returnval");
    } catch (e) {
      throw asVirtError(e, what, name);
    }
  }

  /** Some properties as they are at this moment. */
  async read(object: Reference, paths: readonly string[], c: Call): Promise<ReadonlyMap<string, VimNode>> {
    try {
      return await propertiesOf(this.session, object, paths, { signal: c.signal });
    } catch (e) {
      throw asVirtError(e, `${object.value} cannot be read`);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope[Symbol.asyncDispose]();
  }
}

/** All guests of a host, those to come too, and the host itself. */
function guestsOf(host: Reference): VimObject {
  return {
    propSet: [
      { type: "VirtualMachine", pathSet: WATCHED },
      { type: "HostSystem", pathSet: HOST_WATCHED },
    ],
    objectSet: {
      obj: host,
      skip: false,
      selectSet: { $type: "TraversalSpec", type: "HostSystem", path: "vm", skip: false },
    },
  };
}
