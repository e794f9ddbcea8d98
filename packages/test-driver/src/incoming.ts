import type { Server, Socket } from "node:net";
import type { Call } from "@virtmesh/core/call";
import type { IncomingMigration, MigrationOffer } from "@virtmesh/core/driver/migration";
import type { Endpoints } from "@virtmesh/core/migration/endpoints";
import type { DestinationHypervisorFact } from "@virtmesh/core/migration/facts";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { type Definition, disksOf, toDefinition, withDiskPaths } from "./definition.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { type FromDestination, type FromSource, Line, listen } from "./wire.ts";

/** What a migration needs on its destination. */
export interface Arrival {
  readonly hypervisor: Hypervisor;
  readonly offer: MigrationOffer;
  /** What will run. */
  readonly definition: Definition;
  /** What will stay defined; undefined for a guest that is transient here. */
  readonly persistent: Definition | undefined;
  /** Paths of the images made for it. */
  readonly made: readonly string[];
  readonly sink: (fact: DestinationHypervisorFact) => void;
}

/** A test guest on its way in: it exists for nobody until it is resumed. */
export class Incoming implements IncomingMigration {
  readonly endpoints: Endpoints;
  readonly alive = true;
  readonly #arrival: Arrival;
  readonly #listener: Listener | undefined;

  constructor(arrival: Arrival, listener: Listener | undefined, endpoints: Endpoints) {
    this.#arrival = arrival;
    this.#listener = listener;
    this.endpoints = endpoints;
  }

  async closeExports(c: Call): Promise<void> {
    await this.#arrival.definition.plan.before("migration.closeExports", c);
    // Of a guest that is off, its disks are all there is to come.
    if (this.#arrival.offer.plan.mode === "offline") this.#arrival.sink({ fact: "loaded" });
  }

  async resume(c: Call): Promise<void> {
    const { hypervisor, offer, definition, persistent, sink } = this.#arrival;
    await definition.plan.before("migration.resume", c);
    const message = definition.plan.migrationFailure("resume");
    if (message !== undefined) return sink({ fact: "resumeFailed", message });
    if (this.#listener?.isPulling !== true) this.#listener?.close();
    hypervisor.expected.delete(definition.model.uuid);
    if (persistent !== undefined) hypervisor.define(persistent);
    if (offer.plan.mode === "live") {
      const runs = offer.running && !offer.plan.leavePaused;
      hypervisor.start(definition, runs ? "running" : "paused", "migrated");
    }
    const loadedAtMs = this.#listener?.loadedAtMs;
    sink({ fact: "running", downtimeMs: loadedAtMs === undefined ? 0 : Date.now() - loadedAtMs });
  }

  async openRecovery(c: Call): Promise<void> {
    await this.#arrival.definition.plan.before("migration.openRecovery", c);
    // Its door has been open all the time.
    this.#arrival.sink({ fact: "recoverable", address: this.endpoints.memoryAddress });
  }

  async abandon(c: Call): Promise<void> {
    const { hypervisor, definition, sink } = this.#arrival;
    await definition.plan.before("migration.abandon", c);
    hypervisor.stop(hypervisor.get(definition.model.uuid), "crashed");
    sink({ fact: "incomingFailed", message: "it was ended, since its memory will never be whole" });
  }

  /** Nothing of a test host outlives its process, so none is found crashed. */
  async settleCrashed(): Promise<void> {}

  async discard(c: Call): Promise<readonly string[]> {
    const { hypervisor, definition, made, sink } = this.#arrival;
    await definition.plan.before("migration.discard", c);
    this.#listener?.close();
    hypervisor.expected.delete(definition.model.uuid);
    const stuck = definition.plan.migrationFailure("discard");
    const leftovers = stuck === undefined ? [] : made.map((path) => `${path}: ${stuck}`);
    if (stuck === undefined) for (const path of made) hypervisor.images.remove(path);
    sink({ fact: "discarded", leftovers });
    return leftovers;
  }

  close(): void {
    this.#listener?.close();
  }
}

/** Receives one migration's disks, memory and device state. */
export class Listener implements Disposable {
  readonly port: number;
  readonly #server: Server;
  readonly #arrival: Arrival;
  /** Path of the image by the disk's name in the guest. */
  readonly #paths: ReadonlyMap<string, string>;
  #line: Line<FromDestination, FromSource> | undefined;
  #receiving: "disks" | "memory" | "pulled" | "done" = "disks";
  #loadedAtMs: number | undefined;

  private constructor(arrival: Arrival, server: Server, port: number) {
    this.#arrival = arrival;
    this.#server = server;
    this.port = port;
    this.#paths = new Map(disksOf(arrival.definition.model).map((disk) => [disk.target, disk.source]));
  }

  static async open(host: string, arrival: Arrival): Promise<Listener> {
    const opened = Promise.withResolvers<Listener>();
    // Nobody knows the port before it is told, so no connection comes before the listener is there.
    const { port, server } = await listen(host, (socket) => void opened.promise.then((l) => l.#take(socket)));
    const listener = new Listener(arrival, server, port);
    opened.resolve(listener);
    return listener;
  }

  /** The guest can run, and memory still comes. */
  get isPulling(): boolean {
    return this.#receiving === "pulled";
  }

  /** When memory and device state were complete; undefined before. */
  get loadedAtMs(): number | undefined {
    return this.#loadedAtMs;
  }

  close(): void {
    this.#receiving = "done";
    this.#line?.[Symbol.dispose]();
    this.#server.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #take(socket: Socket): void {
    this.#line = new Line<FromDestination, FromSource>(
      socket,
      (message) => this.#hear(message),
      () => this.#onLost("the connection to the source broke while memory was on its way"),
    );
  }

  #hear(message: FromSource): void {
    switch (message.say) {
      case "hello":
        if (this.isPulling) this.#arrival.sink({ fact: "postcopyActive" });
        return this.#line?.send({ say: "welcome" });
      case "write": {
        const path = this.#paths.get(message.disk) ?? "";
        return this.#arrival.hypervisor.images.write(
          path,
          message.offset,
          Buffer.from(message.data, "base64"),
        );
      }
      case "conclude":
        return this.#line?.send({ say: "concluded", disk: message.disk });
      case "memory": {
        if (this.#receiving === "disks") this.#receiving = "memory";
        const failure = this.#arrival.definition.plan.migrationFailure("incoming");
        if (failure === undefined) return;
        this.#onLost(failure);
        return this.#line?.send({ say: "refused", message: failure });
      }
      case "deviceState":
        this.#receiving = message.partly ? "pulled" : "done";
        this.#loadedAtMs = Date.now();
        this.#arrival.sink({ fact: message.partly ? "loadedPartly" : "loaded" });
        return message.partly ? undefined : this.#line?.send({ say: "loaded" });
      case "complete":
        this.#receiving = "done";
        this.#arrival.sink({ fact: "complete" });
        return this.#line?.send({ say: "loaded" });
    }
  }

  #onLost(message: string): void {
    if (this.#receiving === "pulled") return this.#arrival.sink({ fact: "postcopyPaused", message });
    if (this.#receiving !== "memory") return;
    this.#receiving = "done";
    this.#arrival.sink({ fact: "incomingFailed", message });
  }
}

/** The definition as it will run here: disks at their new places. */
export function arrivingDefinition(model: IdentifiedDomain, offer: MigrationOffer): Definition {
  const paths = new Map(offer.disks.filter((d) => d.copy).map((d) => [d.target, d.destinationPath]));
  return toDefinition(withDiskPaths(model, paths));
}
