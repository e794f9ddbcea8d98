import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ownCall } from "@virtmesh/core/call";
import type { MigrationOffer } from "@virtmesh/core/driver/migration";
import { domainUuid, generation, newMigrationId } from "@virtmesh/core/ids";
import { completeDomain } from "@virtmesh/documents/domain/complete";
import { parseDomain } from "@virtmesh/documents/domain/document";
import { Authority } from "@virtmesh/lab/authority";
import { buildGuest } from "@virtmesh/lab/guest/build";
import { testGuestXml } from "@virtmesh/lab/guest/xml";
import { linkTlsFiles } from "../../../services/qemu-agent/src/migration/tls-files.ts";
import { qemuSide } from "./qemu-side.ts";

const UUID = domainUuid("0a4b9f0e-52f1-4c0e-93a6-7b6f7d9e1c12");
const call = ownCall();

describe("a destination that was asked for TLS", () => {
  let dir: string;
  let a: Awaited<ReturnType<typeof qemuSide>>;
  let b: Awaited<ReturnType<typeof qemuSide>>;
  let offer: MigrationOffer;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "vm-"));
    const authority = await Authority.make(join(dir, "pki"));
    const certificates = async (name: string) =>
      await linkTlsFiles(join(dir, `${name}-tls`), await authority.host(name, "agent", ["127.0.0.1"]));
    a = await qemuSide(dir, "a", 49_400, await certificates("a"));
    b = await qemuSide(dir, "b", 49_500, await certificates("b"));
    const image = join(dir, "vda.raw");
    await writeFile(image, "");
    await truncate(image, 2 ** 20);
    const xml = testGuestXml({
      name: "tls",
      uuid: UUID,
      image: await buildGuest(),
      disks: [{ path: image }],
    });
    const { definition } = completeDomain(parseDomain(xml));
    await a.guests.start(await a.guests.define(definition), definition, { paused: true }, call);
    const examined = await a.source.examine(
      {
        id: newMigrationId(),
        uuid: UUID,
        mode: "live",
        copyMode: "background",
        tuning: { memoryBandwidth: 0n, diskBandwidth: 0n, maxDowntimeMs: 300 },
        leavePaused: false,
        abortOnIoError: false,
        unsafe: false,
        destinationName: "",
        destinationXml: "",
        parallelConnections: 1,
        compression: "none",
        autoConverge: false,
        tls: true,
        timeoutMs: 0,
        disks: [{ target: "vda", destinationPath: `${image}.b`, destinationFormat: "" }],
      },
      call,
    );
    expect(examined.obstacles).toEqual([]);
    offer = { ...examined.offer, sourceHost: "a", sourceHostUuid: "a", nextGeneration: generation(2n) };
  }, 60_000);

  afterEach(async () => {
    const waiting = b.guests.incoming(UUID);
    if (waiting !== undefined) await b.guests.discard(waiting);
    for (const side of [a, b]) {
      for (const guest of side.guests.all()) if (guest.instance) await side.guests.destroy(guest);
      await side.guests[Symbol.asyncDispose]();
    }
    await rm(dir, { recursive: true });
  });

  it("gives its disks to nobody in the clear", async () => {
    const incoming = await b.destination.prepare(offer, () => undefined, call);
    const [disk] = incoming.endpoints.exports;
    if (disk === undefined) throw new Error("it exports no disk");
    expect(await askForExport(disk.host, disk.port, disk.exportName)).toBe("NBD_REP_ERR_TLS_REQD");
    expect(await incoming.discard(call)).toEqual([]);
  }, 60_000);

  it("begins to load no memory that comes in the clear", async () => {
    const facts: string[] = [];
    const incoming = await b.destination.prepare(offer, ({ fact }) => facts.push(fact), call);
    const [, host = "", port = ""] = incoming.endpoints.memoryAddress.split(":");
    const socket = createConnection({ host, port: Number(port) });
    const hungUp = new Promise((resolve) => socket.once("close", resolve));
    // QEMU may reset the connection: that is the refusal that is wanted.
    socket.on("error", () => socket.destroy());
    // The magic number with which a stream in the clear begins, and enough to fill what TLS takes for a record.
    socket.end(Buffer.concat([Buffer.from("QEVM", "latin1"), Buffer.alloc(32_768)]));
    socket.resume();
    await hungUp;
    const memory = await b.guests.incoming(UUID)?.execute("query-migrate", undefined);
    expect([memory?.status, facts]).toEqual([undefined, []]);
    expect(await incoming.discard(call)).toEqual([]);
  }, 60_000);
});

const IHAVEOPT = Buffer.from("IHAVEOPT", "latin1");
const NBD_OPT_GO = 7;
const REPLIES: Readonly<Record<number, string>> = {
  0x8000_0005: "NBD_REP_ERR_TLS_REQD",
  0x8000_0006: "NBD_REP_ERR_UNKNOWN",
  3: "NBD_REP_INFO",
};

/** Asks an NBD server for an export without TLS (NBD protocol, fixed newstyle). @returns the type of its reply. */
async function askForExport(host: string, port: number, name: string): Promise<string> {
  const socket = createConnection({ host, port });
  try {
    const wanted = Buffer.alloc(4 + name.length + 2);
    wanted.writeUInt32BE(name.length, 0);
    wanted.write(name, 4, "latin1");
    const header = Buffer.alloc(8);
    header.writeUInt32BE(NBD_OPT_GO, 0);
    header.writeUInt32BE(wanted.length, 4);
    let heard = Buffer.alloc(0);
    let asked = false;
    for await (const chunk of socket) {
      heard = Buffer.concat([heard, chunk as Buffer]);
      // NBDMAGIC, IHAVEOPT, flags; then one reply: magic, option, type, length.
      if (!asked && heard.length >= 18) {
        asked = true;
        socket.write(Buffer.concat([Buffer.from([0, 0, 0, 1]), IHAVEOPT, header, wanted]));
      }
      if (heard.length >= 18 + 20) {
        const type = heard.readUInt32BE(18 + 12);
        return REPLIES[type] ?? `type ${type}`;
      }
    }
    return "it hung up";
  } finally {
    socket.destroy();
  }
}
