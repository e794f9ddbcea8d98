import { setTimeout as delay } from "node:timers/promises";
import type { Call } from "@virtmesh/core/call";
import type { MigrationOffer } from "@virtmesh/core/driver/migration";
import { VirtError } from "@virtmesh/core/errors";
import { listeningPorts } from "../host/tcp-sockets.ts";
import type { QmpConnection } from "../qmp/connection.ts";
import { awaitEvent } from "./await-event.ts";
import type { WaitingGuest } from "./destination-site.ts";
import type { IncomingPorts } from "./incoming-ports.ts";
import type { IncomingRecords } from "./incoming-record.ts";
import { portOf } from "./memory-address.ts";

const BREAK_TIMEOUT_MS = 5_000;
/** QEMU listens within milliseconds, or refuses unheard: then the source asks again. */
const UNHEARD_TIMEOUT_MS = 2_000;
const UNHEARD_AGAIN_MS = 50;

/** Where the rest of a post-copy's memory is waited for after its connection broke. */
export class RecoveryDoor {
  readonly #offer: MigrationOffer;
  readonly #records: IncomingRecords;
  readonly #ports: IncomingPorts;
  /** As this agent opened it, over a session with QEMU. */
  #open: string | undefined;
  /** As it was ordered last, by this agent or the one before it: whether it is open is to be seen. */
  #ordered: string | undefined;

  constructor(offer: MigrationOffer, records: IncomingRecords, ports: IncomingPorts) {
    this.#offer = offer;
    this.#records = records;
    this.#ports = ports;
  }

  /** The one that the agent before this one ordered. */
  found(address: string): void {
    if (this.#ports.claim(portOf(address))) this.#ordered = address;
  }

  /** QEMU closes it by itself behind whoever comes through it. */
  closed(): void {
    this.#open = undefined;
  }

  /** @returns its address; `isConnected`: this side has not noticed that the connection broke */
  async open(guest: WaitingGuest | undefined, isConnected: boolean, c: Call): Promise<string> {
    const qmp = guest === undefined ? undefined : openQmp(guest);
    if (qmp === undefined) return await this.#openUnheard(guest, c);
    if (this.#open !== undefined) return this.#open;
    if (isConnected) await breakLink(qmp);
    const options = { outOfBand: true, signal: c.signal };
    const address = await this.#ports.listenAt((uri) => qmp.execute("migrate-recover", { uri }, options));
    await this.#note(address);
    this.#open = address;
    return address;
  }

  /**
   * QEMU hangs on memory that it lacks, and does not greet an agent that was started anew. The door of before stays, if
   * there is one; another is ordered by the pipe, and seen by its port, since no answer comes.
   */
  async #openUnheard(guest: WaitingGuest | undefined, c: Call): Promise<string> {
    const address = this.#ordered ?? (await this.#ports.free());
    const isOpen = async (): Promise<boolean> => (await listeningPorts()).has(portOf(address));
    if (await isOpen()) return address;
    try {
      if (guest?.recovery === undefined) throw this.#unresponsive();
      await this.#note(address);
      // It may not have noticed that the connection broke, and refuses until it has.
      await guest.recovery.order("yank", { instances: [{ type: "migration" }] });
      for (let waited = 0; waited < UNHEARD_TIMEOUT_MS; waited += UNHEARD_AGAIN_MS) {
        await guest.recovery.order("migrate-recover", { uri: address });
        await delay(UNHEARD_AGAIN_MS, undefined, { signal: c.signal });
        if (await isOpen()) return address;
      }
    } catch (e) {
      throw VirtError.is(e) ? e : this.#unresponsive(e);
    }
    throw this.#unresponsive();
  }

  /** Before it is told to anybody. */
  async #note(address: string): Promise<void> {
    const { id } = this.#offer.plan;
    const made = (await this.#records.read(id)) ?? { images: [] };
    await this.#records.write(id, { ...made, door: address });
    this.#ordered = address;
  }

  #unresponsive(cause?: unknown): VirtError {
    return new VirtError(
      "HYPERVISOR_UNRESPONSIVE",
      `QEMU of guest "${this.#offer.name}" does not answer, and opens no door for the rest of its memory; it is tried again`,
      {},
      { cause },
    );
  }
}

function openQmp(guest: WaitingGuest): QmpConnection | undefined {
  try {
    return guest.qmp;
  } catch {
    return undefined;
  }
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
