import { once } from "node:events";
import type { Call } from "@virtmesh/core/call";
import type { IncomingMigration, MigrationOffer } from "@virtmesh/core/driver/migration";
import type { Endpoints } from "@virtmesh/core/migration/endpoints";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import type { DestinationHypervisorFact } from "@virtmesh/core/migration/facts";
import type { MigrationStatus } from "../qmp/commands.ts";
import type { QmpConnection } from "../qmp/connection.ts";
import { QmpError } from "../qmp/errors.ts";
import type { QmpEvent } from "../qmp/events.ts";
import { awaitEvent } from "./await-event.ts";
import type { DestinationSite, WaitingGuest } from "./destination-site.ts";
import { createImages } from "./images.ts";
import { openEnds } from "./incoming-ends.ts";
import type { Made } from "./incoming-record.ts";
import { IncomingPorts } from "./incoming-ports.ts";
import { type FileIdentity, removeMadeImages } from "./made-images.ts";
import { RecoveryDoor } from "./recovery-door.ts";

type Sink = (fact: DestinationHypervisorFact) => void;

const RESUME_TIMEOUT_MS = 10_000;
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

  /** Takes one up after a restart of the agent; `guest` is undefined when its process is gone, `made` what was written down. */
  static reopen(
    offer: MigrationOffer,
    site: DestinationSite,
    found: { readonly guest: WaitingGuest | undefined; readonly made: Made | undefined },
    sink: Sink,
  ): QemuIncoming {
    const { guest, made } = found;
    const incoming = new QemuIncoming(offer, site, sink);
    incoming.#reopened = true;
    if (made?.door !== undefined) incoming.#door.found(made.door);
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
  readonly #ports: IncomingPorts;
  readonly #door: RecoveryDoor;
  #guest: WaitingGuest | undefined;
  #hearing: Disposable | undefined;
  /** From here on its end is wanted, or is the end of an ordinary guest. */
  #settled = false;
  #reopened = false;
  #exited = false;
  /** It was told to run the guest and has not refused: what comes of that may never be known. */
  #mayHaveRun = false;
  /** What has come of a post-copy. */
  #memory: "none" | "part" | "stranded" | "all" = "none";

  private constructor(offer: MigrationOffer, site: DestinationSite, sink: Sink) {
    this.#offer = offer;
    this.#site = site;
    this.#sink = sink;
    this.#ports = new IncomingPorts(site, offer.name);
    this.#door = new RecoveryDoor(offer, site.records, this.#ports);
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
    const address = await this.#door.open(this.#guest, this.#memory === "part", c);
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
    this.#ports.giveBack();
    return left;
  }

  close(): void {
    this.#settled = true;
    this.#hearing?.[Symbol.dispose]();
    this.#ports.giveBack();
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
    this.endpoints = {
      ...this.endpoints,
      ...(await openEnds(this.#qmp(), this.#offer, this.#site, this.#ports)),
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
        this.#door.closed();
        this.#memory = "part";
        return this.#sink({ fact: before === "none" ? "loadedPartly" : "postcopyActive" });
      }
      case "postcopy-paused":
        if (this.#memory === "none") this.#sink({ fact: "loadedPartly" });
        this.#memory = "stranded";
        // Whoever came through it is gone again, and QEMU has closed it.
        this.#door.closed();
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
}

/** Where its memory stands, or undefined when it does not answer. */
async function lastWord(guest: WaitingGuest): Promise<MigrationStatus | undefined> {
  const signal = AbortSignal.timeout(LAST_WORD_TIMEOUT_MS);
  const late = once(signal, "abort").then(() => undefined);
  const answer = guest.connected.then(() => guest.qmp.execute("query-migrate", undefined, { signal }));
  return Promise.race([answer.then(({ status }) => status).catch(() => undefined), late]);
}

async function isRunning(qmp: QmpConnection): Promise<boolean> {
  return (await qmp.execute("query-status")).running;
}
