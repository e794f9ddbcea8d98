import { once } from "node:events";
import type { Call } from "@virtmesh/core/call";
import type { IncomingMigration, MigrationOffer } from "@virtmesh/core/driver/migration";
import type { Endpoints } from "@virtmesh/core/migration/endpoints";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import type { DestinationHypervisorFact } from "@virtmesh/core/migration/facts";
import { formatNodeName } from "../cmdline/node-names.ts";
import type { PortRange } from "../host/ports.ts";
import type { MigrationStatus } from "../qmp/commands.ts";
import type { QmpConnection } from "../qmp/connection.ts";
import { QmpError } from "../qmp/errors.ts";
import type { QmpEvent, QmpEventListener } from "../qmp/events.ts";
import { awaitEvent } from "./await-event.ts";
import { createImages } from "./images.ts";
import type { IncomingRecords } from "./incoming-record.ts";
import { type FileIdentity, removeMadeImages } from "./made-images.ts";
import { capabilitiesOf, parametersOf } from "./parameters.ts";
import { addTlsObject } from "./tls-files.ts";

/** What the destination's half needs of a guest that waits for its memory. */
export interface WaitingGuest {
  /** @throws HYPERVISOR_UNRESPONSIVE while its QEMU does not answer */
  readonly qmp: QmpConnection;
  /** Resolves when its QEMU has answered this agent. */
  readonly connected: Promise<void>;
  onQmpEvent(listener: QmpEventListener): Disposable;
  /** Resolves with why, when its process has ended. */
  readonly exited: Promise<string>;
  /** It is an ordinary guest of this host by now, whose end is told like that of any other. */
  readonly isAdopted: boolean;
  /** Makes it an ordinary guest of this host, and says so; `pulling` that it lacks memory. */
  adopt(how: "whole" | "pulling"): Promise<void>;
  /** It has all its memory now. */
  whole(): Promise<void>;
  /** Ends it at once: a crash. Resolves when it is gone. */
  kill(): Promise<void>;
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
const BREAK_TIMEOUT_MS = 5_000;
/** A QEMU that says nothing for so long hangs, on memory that it lacks. */
const LAST_WORD_TIMEOUT_MS = 5_000;

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
    if (guest !== undefined) {
      incoming.#take(guest);
      // A guest that stands still on memory it lacks may keep its QEMU from answering, until it has that.
      void guest.connected.then(() => incoming.#reconcile()).catch(() => undefined);
    }
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
  #exited = false;
  /** It was told to run the guest and has not refused: what comes of that may never be known. */
  #mayHaveRun = false;
  /** Where the rest of the memory is waited for. */
  #door: string | undefined;
  /** What has come of a post-copy. */
  #memory: "none" | "part" | "stranded" | "all" = "none";

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
    return this.#guest !== undefined && (this.#guest.isAdopted || !this.#exited);
  }

  async closeExports(c: Call): Promise<void> {
    if (this.#guest === undefined || this.endpoints.exports.length === 0) return;
    await this.#guest.qmp.execute("nbd-server-stop", undefined, { signal: c.signal });
    if (this.#offer.plan.mode === "live") return;
    // All of a guest that is off is there when its images are closed in order.
    this.#settled = true;
    await this.#guest.whole();
    this.#sink({ fact: "loaded" });
  }

  async resume(_c: Call): Promise<void> {
    if (this.#offer.plan.mode === "offline") {
      await this.#site.define(this.#offer);
      return this.#sink({ fact: "running", downtimeMs: 0 });
    }
    if (this.#guest === undefined)
      throw new VirtError("HYPERVISOR_FAILED", "the incoming guest is not there any more");
    const guest = this.#guest;
    const { qmp } = guest;
    // Taken up after a restart, it may run already, and its exports may still be open.
    const [running] = await Promise.all([this.#reopened && isRunning(qmp), this.#closeOld(qmp)]);
    const partly = this.#memory === "part" || this.#memory === "stranded";
    const wanted = this.#offer.running && !this.#offer.plan.leavePaused;
    if (!running && wanted && !(await this.#letRun(guest))) return;
    this.#settled = !partly;
    // The guest runs: from here on nothing costs it time.
    const downtime = partly ? undefined : (await qmp.execute("query-migrate")).downtime;
    this.#sink({ fact: "running", downtimeMs: downtime ?? 0 });
    await guest.adopt(partly ? "pulling" : "whole");
    // The last page may have come meanwhile.
    if (partly && this.#hasAll()) await guest.whole();
  }

  /** @returns whether it runs; if not, a fact says what has become of it */
  async #letRun(guest: WaitingGuest): Promise<boolean> {
    const { qmp } = guest;
    const resumed = awaitEvent(qmp, (e) => e.event === "RESUME", RESUME_TIMEOUT_MS);
    this.#mayHaveRun = true;
    try {
      await qmp.execute("cont");
    } catch (e) {
      const isRefused = e instanceof QmpError && e.failure === "refused" && !this.#reopened;
      // Whether it runs is not known, or whether it ran before a restart. QEMU is gone, or of no use without its monitor.
      if (!isRefused) await guest.kill();
      else {
        this.#mayHaveRun = false;
        const message = `QEMU on ${this.#site.host} refused to run the guest: ${messageOf(e)}`;
        this.#sink({ fact: "resumeFailed", message });
      }
      return false;
    }
    await resumed;
    return true;
  }

  async openRecovery(c: Call): Promise<void> {
    const { id } = this.#offer.plan;
    const guest = this.#guest;
    const made = (await this.#site.records.read(id)) ?? { images: [] };
    // QEMU may hang on memory that it lacks, and not greet an agent that was started anew: the door of before stays.
    const qmp = guest === undefined ? undefined : openQmp(guest);
    if (qmp === undefined) {
      if (made.door !== undefined) return this.#sink({ fact: "recoverable", address: made.door });
      throw new VirtError(
        "HYPERVISOR_UNRESPONSIVE",
        `QEMU of guest "${this.#offer.name}" does not answer, and has no door open for its memory`,
      );
    }
    if (this.#door !== undefined) return this.#sink({ fact: "recoverable", address: this.#door });
    if (this.#memory === "part") await breakLink(qmp);
    const port = await this.#onSomePort((p) =>
      qmp.execute(
        "migrate-recover",
        { uri: `tcp:${bracketed(this.#site.dataAddress)}:${p}` },
        { outOfBand: true, signal: c.signal },
      ),
    );
    const address = `tcp:${bracketed(this.#site.dataAddress)}:${port}`;
    await this.#site.records.write(id, { ...made, door: address });
    this.#door = address;
    this.#sink({ fact: "recoverable", address });
  }

  async abandon(_c: Call): Promise<void> {
    const guest = this.#guest;
    if (guest === undefined || this.#hasAll()) return;
    // What the source knows may be older than the last page.
    const status = await lastWord(guest);
    if (status === "completed") return this.#turn(status);
    // Mended meanwhile: when the link ends, QEMU says so.
    if (status !== "postcopy-active") await guest.kill();
  }

  async settleCrashed(_c: Call): Promise<void> {
    this.#settled = true;
    await this.#guest?.discard();
    await this.#site.define(this.#offer);
    await this.#site.records.remove(this.#offer.plan.id);
  }

  async discard(_c: Call): Promise<readonly string[]> {
    this.#settled = true;
    this.#hearing?.[Symbol.dispose]();
    await this.#guest?.discard();
    this.#guest = undefined;
    const made = await this.#site.records.read(this.#offer.plan.id);
    const left = await removeMadeImages(made?.images ?? []);
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
    if (plan.mode === "offline" && copied.length === 0) {
      // There is nothing to load; said after the answer to this call.
      setImmediate(() => this.#sink({ fact: "loaded" }));
      return;
    }
    await this.#site.clearLeftImages(this.#offer);
    const sinceMs = Date.now();
    const images = copied.map((d) => ({ path: d.destinationPath, sinceMs }));
    await this.#site.records.write(plan.id, { images });
    const note = (files: readonly FileIdentity[]): Promise<void> =>
      this.#site.records.write(plan.id, {
        images: files.map((file) => ({ path: file.path, sinceMs, file })),
      });
    await createImages(this.#offer, note, c.signal);
    this.#take(await this.#site.startIncoming(this.#offer, c));
    const qmp = this.#qmp();
    const tls =
      plan.tls && this.#site.tlsDir !== undefined
        ? await addTlsObject(qmp, plan.id, "server", this.#site.tlsDir)
        : "";
    const live = plan.mode === "live";
    const [port] = await Promise.all([
      this.#serveDisks(
        qmp,
        copied.map((d) => d.target),
        tls,
      ),
      live ? this.#setUpMemory(qmp, tls) : undefined,
    ]);
    const memoryPort = live ? await this.#listenForMemory(qmp) : 0;
    this.endpoints = {
      ...this.endpoints,
      memoryAddress: live ? `tcp:${bracketed(this.#site.dataAddress)}:${memoryPort}` : "",
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
    this.#hearing = guest.onQmpEvent((event) => this.#hear(event));
    void guest.exited.then((why) => {
      this.#exited = true;
      if (this.#settled) return;
      const message = `QEMU on ${this.#site.host} ended: ${why}`;
      this.#sink({ fact: "incomingFailed", message, ...(this.#mayHaveRun ? { mayHaveRun: true } : {}) });
    });
  }

  #hear(event: QmpEvent): void {
    if (event.event === "MIGRATION" && !this.#settled) this.#turn(event.data.status);
  }

  #turn(status: MigrationStatus | undefined): void {
    switch (status) {
      case "completed":
        return this.#complete();
      case "postcopy-active": {
        const before = this.#memory;
        this.#door = undefined;
        this.#memory = "part";
        return this.#sink({ fact: before === "none" ? "loadedPartly" : "postcopyActive" });
      }
      case "postcopy-paused":
        if (this.#memory === "none") this.#sink({ fact: "loadedPartly" });
        this.#memory = "stranded";
        // Whoever came through it is gone again, and QEMU has closed it.
        this.#door = undefined;
        return this.#sink({ fact: "postcopyPaused", message: "the connection to the source broke" });
      case "failed":
        this.#sink({
          fact: "incomingFailed",
          message: `QEMU on ${this.#site.host} could not load the guest's memory`,
        });
        // It ends by itself, but for a post-copy whose source died: there it can hang as it exits, and never answers `cont`.
        this.#guest?.kill().catch(() => undefined);
        return;
      default:
        return;
    }
  }

  #complete(): void {
    const pulled = this.#memory === "part" || this.#memory === "stranded";
    this.#memory = "all";
    if (!pulled) return this.#sink({ fact: "loaded" });
    this.#settled = true;
    this.#sink({ fact: "complete" });
    // Not adopted yet, it becomes whole as it is.
    this.#guest?.whole().catch(() => undefined);
  }

  /** Says what a query shows to be so now: events of the time without an agent are not repeated. */
  async #reconcile(): Promise<void> {
    if (this.#guest === undefined || this.#offer.plan.mode === "offline") return;
    const { status } = await this.#guest.qmp.execute("query-migrate");
    if (status !== "failed") this.#turn(status);
  }

  #hasAll(): boolean {
    return this.#memory === "all";
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
    await qmp.execute("migrate-set-capabilities", {
      capabilities: capabilitiesOf(plan, "destination", [
        this.#offer.hypervisorVersion,
        this.#site.hypervisorVersion,
      ]),
    });
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

function openQmp(guest: WaitingGuest): QmpConnection | undefined {
  try {
    return guest.qmp;
  } catch {
    return undefined;
  }
}

/** Where its memory stands, or undefined when it does not answer. */
async function lastWord(guest: WaitingGuest): Promise<MigrationStatus | undefined> {
  const signal = AbortSignal.timeout(LAST_WORD_TIMEOUT_MS);
  const late = once(signal, "abort").then(() => undefined);
  const answer = guest.connected.then(() => guest.qmp.execute("query-migrate", undefined, { signal }));
  return Promise.race([answer.then(({ status }) => status).catch(() => undefined), late]);
}

/** The source asks although this side has not noticed that the link broke. */
async function breakLink(qmp: QmpConnection): Promise<void> {
  const paused = awaitEvent(
    qmp,
    (e) => e.event === "MIGRATION" && e.data.status === "postcopy-paused",
    BREAK_TIMEOUT_MS,
  );
  await qmp.execute("yank", { instances: [{ type: "migration" }] }, { outOfBand: true });
  await paused;
}

async function isRunning(qmp: QmpConnection): Promise<boolean> {
  return (await qmp.execute("query-status")).running;
}

function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}
