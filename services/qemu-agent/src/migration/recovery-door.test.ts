import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sampleOffer } from "@virtmesh/agent/migration/sample-offer";
import { ownCall } from "@virtmesh/core/call";
import { PortRange } from "../host/ports.ts";
import type { WaitingGuest } from "./destination-site.ts";
import { IncomingPorts } from "./incoming-ports.ts";
import { IncomingRecords } from "./incoming-record.ts";
import { portOf } from "./memory-address.ts";
import { RecoveryDoor } from "./recovery-door.ts";

const OFFER = sampleOffer();

/** The door of a QEMU whose main loop hangs: nobody gets a session with it, and it carries out orders out of band. */
class Hung implements AsyncDisposable {
  readonly orders: string[] = [];
  readonly records: IncomingRecords;
  readonly door: RecoveryDoor;
  readonly #dir: string;
  readonly #servers: Server[] = [];

  static async open(): Promise<Hung> {
    return new Hung(await mkdtemp(join(tmpdir(), "virtmesh-door-")));
  }

  private constructor(dir: string) {
    this.#dir = dir;
    this.records = new IncomingRecords(dir);
    const site = { ports: new PortRange(49_920, 49_930), dataAddress: "127.0.0.1" };
    this.door = new RecoveryDoor(OFFER, this.records, new IncomingPorts(site, OFFER.name));
  }

  get guest(): WaitingGuest {
    const order = async (command: string, args: object): Promise<void> => {
      this.orders.push(command);
      if ("uri" in args) await this.listen(portOf(String(args.uri)));
    };
    return {
      get qmp(): never {
        throw new Error("there is no connection to QEMU");
      },
      recovery: { order },
    } as unknown as WaitingGuest;
  }

  async listen(port: number): Promise<void> {
    const server = createServer().listen(port, "127.0.0.1");
    this.#servers.push(server);
    await once(server, "listening");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) server.close();
    await rm(this.#dir, { recursive: true });
  }
}

describe("the door for the rest of a memory that a QEMU hangs on", () => {
  it("is ordered, once the connection before it is broken, and written down for a later agent", async () => {
    await using hung = await Hung.open();
    const address = await hung.door.open(hung.guest, false, ownCall());
    expect(hung.orders).toEqual(["yank", "migrate-recover"]);
    expect(await hung.records.read(OFFER.plan.id)).toMatchObject({ door: address });
  });

  it("is the one that an earlier agent ordered as long as that is open, and the same port again when it is not", async () => {
    await using hung = await Hung.open();
    hung.door.found("tcp:127.0.0.1:49925");
    await hung.listen(49_925);
    expect(await hung.door.open(hung.guest, false, ownCall())).toBe("tcp:127.0.0.1:49925");
    expect(hung.orders).toEqual([]);
    await using used = await Hung.open();
    used.door.found("tcp:127.0.0.1:49926");
    expect(await used.door.open(used.guest, false, ownCall())).toBe("tcp:127.0.0.1:49926");
    expect(used.orders).toEqual(["yank", "migrate-recover"]);
  });

  it("cannot be had of a QEMU that was started without a way to order it", async () => {
    await using hung = await Hung.open();
    const { recovery: _, ...deaf } = { ...Object.getOwnPropertyDescriptors(hung.guest) };
    const opened = hung.door.open(Object.defineProperties({}, deaf) as WaitingGuest, false, ownCall());
    await expect(opened).rejects.toMatchObject({ reason: "HYPERVISOR_UNRESPONSIVE" });
  });
});
