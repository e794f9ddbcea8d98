import type { Call } from "@virtmesh/core/call";
import type { MigrationOffer } from "@virtmesh/core/driver/migration";
import { VirtError } from "@virtmesh/core/errors";
import type { QmpConnection } from "../qmp/connection.ts";
import { awaitEvent } from "./await-event.ts";
import type { WaitingGuest } from "./destination-site.ts";
import type { IncomingPorts } from "./incoming-ports.ts";
import type { IncomingRecords } from "./incoming-record.ts";

const BREAK_TIMEOUT_MS = 5_000;

/** Where the rest of a post-copy's memory is waited for after its connection broke. */
export class RecoveryDoor {
  readonly #offer: MigrationOffer;
  readonly #records: IncomingRecords;
  readonly #ports: IncomingPorts;
  #address: string | undefined;

  constructor(offer: MigrationOffer, records: IncomingRecords, ports: IncomingPorts) {
    this.#offer = offer;
    this.#records = records;
    this.#ports = ports;
  }

  /** QEMU closes it by itself behind whoever comes through it. */
  closed(): void {
    this.#address = undefined;
  }

  /** @returns its address; `isConnected`: this side has not noticed that the connection broke */
  async open(guest: WaitingGuest | undefined, isConnected: boolean, c: Call): Promise<string> {
    const { id } = this.#offer.plan;
    const made = (await this.#records.read(id)) ?? { images: [] };
    // QEMU may hang on memory that it lacks, and not greet an agent that was started anew: the door of before stays.
    const qmp = guest === undefined ? undefined : openQmp(guest);
    if (qmp === undefined) {
      if (made.door !== undefined) return made.door;
      throw new VirtError(
        "HYPERVISOR_UNRESPONSIVE",
        `QEMU of guest "${this.#offer.name}" does not answer, and has no door open for its memory`,
      );
    }
    if (this.#address !== undefined) return this.#address;
    if (isConnected) await breakLink(qmp);
    const options = { outOfBand: true, signal: c.signal };
    const address = await this.#ports.listenAt((uri) => qmp.execute("migrate-recover", { uri }, options));
    await this.#records.write(id, { ...made, door: address });
    this.#address = address;
    return address;
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
