import type { Call } from "@virtmesh/core/call";
import type { IncomingMigration, MigrationOffer } from "@virtmesh/core/driver/migration";
import type { Endpoints } from "@virtmesh/core/migration/endpoints";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import type { DestinationHypervisorFact } from "@virtmesh/core/migration/facts";
import { formatNodeName } from "../cmdline/node-names.ts";
import type { PortRange } from "../host/ports.ts";
import type { QmpConnection } from "../qmp/connection.ts";
import type { QmpEvent } from "../qmp/events.ts";
import { awaitEvent } from "./await-event.ts";
import { createImages, removeImages } from "./images.ts";
import type { IncomingRecords } from "./incoming-record.ts";
import { capabilitiesOf, parametersOf } from "./parameters.ts";
import { addTlsObject } from "./tls-files.ts";

/** What the destination's half needs of a guest that waits for its memory. */
export interface WaitingGuest {
  readonly qmp: QmpConnection;
  /** Resolves with why, when its process has ended. */
  readonly exited: Promise<string>;
  /** Makes it an ordinary guest of this host, and says so. */
  adopt(): Promise<void>;
  /** Ends it as if it had never been. */
  discard(): Promise<void>;
}

/** What the destination's half needs of the host. */
export interface DestinationSite {
  readonly records: IncomingRecords;
  /** Makes room where the guest left images behind that nobody has touched since. */
  clearLeftImages(offer: MigrationOffer): Promise<void>;
  /** Ports for memory and disks. */
  readonly ports: PortRange;
  /** Where other hosts reach this one. */
  readonly dataAddress: string;
  /** Name in this host's certificate. */
  readonly host: string;
  readonly hypervisorVersion: string;
  readonly tlsDir: string | undefined;
  startIncoming(offer: MigrationOffer, c: Call): Promise<WaitingGuest>;
  /** Makes the guest one that is off, with the definition that the destination keeps. */
  define(offer: MigrationOffer): Promise<void>;
}

type Sink = (fact: DestinationHypervisorFact) => void;

const PORT_ATTEMPTS = 8;
const RESUME_TIMEOUT_MS = 10_000;

/** A QEMU guest on its way in. */
export class QemuIncoming implements IncomingMigration {
  /** Makes everything ready; when it throws, everything is gone again. */
  static async prepare(
    offer: MigrationOffer,
    site: DestinationSite,
    sink: Sink,
    c: Call,
  ): Promise<QemuIncoming> {
    const incoming = new QemuIncoming(offer, site, sink);
    try {
      await incoming.#prepare(c);
      return incoming;
    } catch (e) {
      await incoming.discard(c);
      throw e;
    }
  }

  /** Takes one up after a restart of the agent; `guest` is undefined when its process is gone. */
  static reopen(
    offer: MigrationOffer,
    site: DestinationSite,
    guest: WaitingGuest | undefined,
    sink: Sink,
  ): QemuIncoming {
    const incoming = new QemuIncoming(offer, site, sink);
    incoming.#reopened = true;
    if (guest !== undefined) incoming.#take(guest);
    return incoming;
  }

  endpoints: Endpoints;
  readonly #offer: MigrationOffer;
  readonly #site: DestinationSite;
  readonly #sink: Sink;
  readonly #ports: number[] = [];
  #guest: WaitingGuest | undefined;
  #hearing: Disposable | undefined;
  /** From here on its end is wanted, or is the end of an ordinary guest. */
  #settled = false;
  #reopened = false;

  private constructor(offer: MigrationOffer, site: DestinationSite, sink: Sink) {
    this.#offer = offer;
    this.#site = site;
    this.#sink = sink;
    this.endpoints = {
      memoryAddress: "",
      exports: [],
      hypervisorVersion: site.hypervisorVersion,
      tlsHostname: site.host,
    };
  }

  get alive(): boolean {
    return this.#guest !== undefined;
  }

  async closeExports(c: Call): Promise<void> {
    if (this.#guest === undefined || this.endpoints.exports.length === 0) return;
    await this.#guest.qmp.execute("nbd-server-stop", undefined, { signal: c.signal });
  }

  async resume(_c: Call): Promise<void> {
    if (this.#offer.plan.mode === "offline") {
      await this.#site.define(this.#offer);
      return this.#sink({ fact: "running", downtimeMs: 0 });
    }
    if (this.#guest === undefined)
      throw new VirtError("HYPERVISOR_FAILED", "the incoming guest is not there any more");
    const { qmp } = this.#guest;
    // Taken up after a restart, it may run already, and its exports may still be open.
    const [running] = await Promise.all([this.#reopened && isRunning(qmp), this.#closeOld(qmp)]);
    this.#settled = true;
    if (!running && this.#offer.running && !this.#offer.plan.leavePaused) {
      const resumed = awaitEvent(qmp, (e) => e.event === "RESUME", RESUME_TIMEOUT_MS);
      try {
        await qmp.execute("cont");
      } catch (e) {
        this.#settled = false;
        return this.#sink({
          fact: "resumeFailed",
          message: `QEMU on ${this.#site.host} refused to run the guest: ${messageOf(e)}`,
        });
      }
      await resumed;
    }
    // The guest runs: from here on nothing costs it time.
    const { downtime } = await qmp.execute("query-migrate");
    this.#sink({ fact: "running", downtimeMs: downtime ?? 0 });
    await this.#guest.adopt();
  }

  async settleCrashed(_c: Call): Promise<void> {
    await this.#site.define(this.#offer);
    await this.#site.records.remove(this.#offer.plan.id);
  }

  async discard(_c: Call): Promise<readonly string[]> {
    this.#settled = true;
    this.#hearing?.[Symbol.dispose]();
    await this.#guest?.discard();
    this.#guest = undefined;
    const made = await this.#site.records.read(this.#offer.plan.id);
    const left = await removeImages(made?.images ?? []);
    if (left.length === 0) await this.#site.records.remove(this.#offer.plan.id);
    this.#givePortsBack();
    return left;
  }

  close(): void {
    this.#settled = true;
    this.#hearing?.[Symbol.dispose]();
    this.#givePortsBack();
    // The images belong to the guest now. A record that stays says only that they were made here.
    void this.#site.records.remove(this.#offer.plan.id).catch(() => undefined);
  }

  async #prepare(c: Call): Promise<void> {
    const { plan, disks } = this.#offer;
    const copied = disks.filter((d) => d.copy);
    if (plan.mode === "offline") {
      // There is nothing to load; said after the answer to this call.
      setImmediate(() => this.#sink({ fact: "loaded" }));
      return;
    }
    await this.#site.clearLeftImages(this.#offer);
    const images = copied.map((d) => d.destinationPath);
    await this.#site.records.write(plan.id, { images });
    const disown = (taken: readonly string[]): Promise<void> =>
      this.#site.records.write(plan.id, { images: images.filter((path) => !taken.includes(path)) });
    await createImages(this.#offer, disown, c.signal);
    this.#take(await this.#site.startIncoming(this.#offer, c));
    const qmp = this.#qmp();
    const tls =
      plan.tls && this.#site.tlsDir !== undefined
        ? await addTlsObject(qmp, plan.id, "server", this.#site.tlsDir)
        : "";
    const [port] = await Promise.all([
      this.#serveDisks(
        qmp,
        copied.map((d) => d.target),
        tls,
      ),
      this.#setUpMemory(qmp, tls),
    ]);
    const memoryPort = await this.#listenForMemory(qmp);
    this.endpoints = {
      ...this.endpoints,
      memoryAddress: `tcp:${bracketed(this.#site.dataAddress)}:${memoryPort}`,
      exports: copied.map((d) => ({
        target: d.target,
        host: this.#site.dataAddress,
        port,
        exportName: d.target,
      })),
    };
  }

  async #closeOld(qmp: QmpConnection): Promise<void> {
    if (!this.#reopened) return;
    const open = await qmp.execute("query-block-exports");
    if (open.length > 0) await qmp.execute("nbd-server-stop");
  }

  #qmp(): QmpConnection {
    if (this.#guest === undefined)
      throw new VirtError("HYPERVISOR_FAILED", "the incoming guest is not there");
    return this.#guest.qmp;
  }

  #take(guest: WaitingGuest): void {
    this.#guest = guest;
    this.#hearing = guest.qmp.onEvent((event) => this.#hear(event));
    void guest.exited.then((message) => {
      if (!this.#settled)
        this.#sink({ fact: "incomingFailed", message: `QEMU on ${this.#site.host} ended: ${message}` });
    });
  }

  #hear(event: QmpEvent): void {
    if (this.#settled || event.event !== "MIGRATION") return;
    if (event.data.status === "completed") this.#sink({ fact: "loaded" });
    if (event.data.status === "failed")
      this.#sink({
        fact: "incomingFailed",
        message: `QEMU on ${this.#site.host} could not load the guest's memory`,
      });
  }

  async #serveDisks(qmp: QmpConnection, targets: readonly string[], tls: string): Promise<number> {
    if (targets.length === 0) return 0;
    const port = await this.#onSomePort((p) =>
      qmp.execute("nbd-server-start", {
        addr: { type: "inet", data: { host: this.#site.dataAddress, port: String(p) } },
        ...(tls === "" ? {} : { "tls-creds": tls }),
        // One per disk and no more; the source is the only one who may write.
        "max-connections": targets.length,
      }),
    );
    await Promise.all(
      targets.map((target) =>
        qmp.execute("block-export-add", {
          type: "nbd",
          id: `export-${target}`,
          "node-name": formatNodeName(target),
          name: target,
          writable: true,
        }),
      ),
    );
    return port;
  }

  async #setUpMemory(qmp: QmpConnection, tls: string): Promise<void> {
    const { plan } = this.#offer;
    await qmp.execute("migrate-set-capabilities", { capabilities: capabilitiesOf(plan, "destination") });
    await qmp.execute("migrate-set-parameters", parametersOf(plan, tls, ""));
  }

  #listenForMemory(qmp: QmpConnection): Promise<number> {
    return this.#onSomePort((p) =>
      qmp.execute("migrate-incoming", { uri: `tcp:${bracketed(this.#site.dataAddress)}:${p}` }),
    );
  }

  /** Somebody outside may take a port between our look and QEMU's: then the next one is tried. */
  async #onSomePort(listen: (port: number) => Promise<unknown>): Promise<number> {
    for (let attempt = 1; ; attempt += 1) {
      const port = await this.#site.ports.allot(this.#site.dataAddress, this.#offer.name);
      this.#ports.push(port);
      try {
        await listen(port);
        return port;
      } catch (e) {
        if (attempt === PORT_ATTEMPTS || !messageOf(e).includes("Address already in use")) throw e;
      }
    }
  }

  #givePortsBack(): void {
    for (const port of this.#ports.splice(0)) this.#site.ports.release(port, this.#offer.name);
  }
}

async function isRunning(qmp: QmpConnection): Promise<boolean> {
  return (await qmp.execute("query-status")).running;
}

function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}
