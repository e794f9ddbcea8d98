import { mkdtemp, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ownCall } from "@virtmesh/core/call";
import type { MigrationOffer, MigrationPlan } from "@virtmesh/core/driver/migration";
import { domainUuid, generation, newMigrationId } from "@virtmesh/core/ids";
import { completeDomain } from "@virtmesh/documents/domain/complete";
import { parseDomain } from "@virtmesh/documents/domain/document";
import { buildGuest } from "@virtmesh/lab/guest/build";
import { HeartbeatCollector } from "@virtmesh/lab/guest/heartbeat";
import { compareImages } from "@virtmesh/lab/guest/verify";
import { testGuestXml } from "@virtmesh/lab/guest/xml";
import { qemuSide } from "./qemu-side.ts";

const UUID = domainUuid("0a4b9f0e-52f1-4c0e-93a6-7b6f7d9e1c11");
const MIB = 2 ** 20;
const call = ownCall();

type Fact = { readonly fact: string };

/** Facts as they come, and a way to wait for one. */
class Facts<F extends Fact> {
  readonly seen: F[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly sink = (fact: F): void => {
    this.seen.push(fact);
    for (const wake of this.#waiting.splice(0)) wake();
  };
  async next(name: string, count = 1): Promise<void> {
    while (this.seen.filter((f) => f.fact === name).length < count) {
      const bad = this.seen.find((f) => /Failed|Exited/.test(f.fact));
      if (bad !== undefined && !/Failed|Exited/.test(name)) throw new Error(JSON.stringify(bad));
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

function plan(change: Partial<MigrationPlan> = {}): MigrationPlan {
  return {
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
    tls: false,
    timeoutMs: 0,
    disks: [
      { target: "vda", destinationPath: "", destinationFormat: "" },
      { target: "vdb", destinationPath: "", destinationFormat: "" },
    ],
    ...change,
  };
}

describe("the two halves of a QEMU migration", () => {
  let dir: string;
  let beats: HeartbeatCollector;
  let a: Awaited<ReturnType<typeof qemuSide>>;
  let b: Awaited<ReturnType<typeof qemuSide>>;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "vm-"));
    beats = await HeartbeatCollector.listen(join(dir, "hb.sock"));
    a = await qemuSide(dir, "a", 49_200);
    b = await qemuSide(dir, "b", 49_300);
    for (const disk of ["vda", "vdb"]) {
      await writeFile(join(dir, `${disk}.raw`), "");
      await truncate(join(dir, `${disk}.raw`), 32 * MIB);
    }
    const xml = testGuestXml({
      name: "mover",
      uuid: UUID,
      image: await buildGuest(),
      disks: [{ path: join(dir, "vda.raw") }, { path: join(dir, "vdb.raw") }],
      heartbeat: { socket: join(dir, "hb.sock") },
      writers: [{ disk: "vda", spanBytes: 16 * MIB }],
    });
    const { definition } = completeDomain(parseDomain(xml));
    const guest = await a.guests.define(definition);
    await a.guests.start(guest, definition, { paused: false }, call);
    await beats.next(() => true, AbortSignal.timeout(60_000));
  }, 120_000);

  afterEach(async () => {
    for (const side of [a, b]) {
      for (const guest of side.guests.all()) if (guest.instance) await side.guests.destroy(guest);
      await side.guests[Symbol.asyncDispose]();
    }
    await beats[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  async function offerOf(p: MigrationPlan): Promise<MigrationOffer> {
    const { offer, obstacles } = await a.source.examine(p, call);
    expect(obstacles).toEqual([]);
    const moved = offer.disks.map((d) => ({
      ...d,
      destinationPath: d.copy ? `${d.sourcePath}.b` : d.destinationPath,
    }));
    const xml = moved.reduce(
      (x, d) => x.replaceAll(`'${d.sourcePath}'`, `'${d.destinationPath}'`),
      offer.xml,
    );
    return {
      ...offer,
      disks: moved,
      xml,
      sourceHost: "a",
      sourceHostUuid: "a",
      nextGeneration: generation(2n),
    };
  }

  it("move a running guest with two disks, whose images are equal when the source lets go", async () => {
    const p = plan({
      disks: [
        { target: "vda", destinationPath: join(dir, "vda.b"), destinationFormat: "" },
        { target: "vdb", destinationPath: join(dir, "vdb.b.qcow2"), destinationFormat: "qcow2" },
      ],
    });
    const { offer: bare, obstacles } = await a.source.examine(p, call);
    expect(obstacles).toEqual([]);
    const offer: MigrationOffer = {
      ...bare,
      sourceHost: "a",
      sourceHostUuid: "a",
      nextGeneration: generation(2n),
    };
    expect((await b.destination.examine(offer, call)).obstacles).toEqual([]);
    const s = new Facts();
    const d = new Facts();
    const outgoing = await a.source.open(offer, s.sink, call);
    const incoming = await b.destination.prepare(offer, d.sink, call);
    expect(b.guests.all()).toEqual([]);
    await outgoing.startMirrors(incoming.endpoints, call);
    await s.next("mirrorReady", 2);
    const half = await outgoing.sample(call);
    expect(half.disks.map((x) => x.target)).toEqual(["vda", "vdb"]);
    await outgoing.sendMemory(incoming.endpoints, call);
    await s.next("switchover");
    await outgoing.concludeMirrors(call);
    await s.next("mirrorConcluded", 2);
    expect(
      (await compareImages({ path: join(dir, "vda.raw") }, { path: join(dir, "vda.b") })).identical,
    ).toBe(true);
    await outgoing.continueSwitchover(call);
    await incoming.closeExports(call);
    await d.next("loaded");
    await incoming.resume(call);
    await d.next("running");
    await outgoing.retire({ undefine: true }, call);
    await s.next("retired");
    const last = beats.last?.sequence ?? 0;
    await beats.next((beat) => beat.sequence > last + 10, AbortSignal.timeout(20_000));
    expect(beats.report()).toMatchObject({ wentBack: 0 });
    expect(a.guests.all()).toEqual([]);
    expect(b.guests.all().map((g) => [g.name, g.state, g.reason])).toEqual([
      ["mover", "running", "migrated"],
    ]);
    outgoing.close();
    incoming.close();
  }, 60_000);

  it("leave the guest running and nothing behind when it is rolled back in the middle of the copy", async () => {
    const offer = await offerOf(
      plan({ tuning: { memoryBandwidth: 0n, diskBandwidth: BigInt(4 * MIB), maxDowntimeMs: 300 } }),
    );
    const s = new Facts();
    const d = new Facts();
    const outgoing = await a.source.open(offer, s.sink, call);
    const incoming = await b.destination.prepare(offer, d.sink, call);
    await outgoing.startMirrors(incoming.endpoints, call);
    await outgoing.rollBack({ linkLost: false }, call);
    await s.next("rolledBack");
    expect(await incoming.discard(call)).toEqual([]);
    const guest = a.guests.require(UUID);
    expect(guest.state).toBe("running");
    expect(await guest.execute("query-jobs", undefined)).toEqual([]);
    const nodes = await guest.execute("query-named-block-nodes", { flat: true });
    expect(nodes.filter((n) => n["node-name"]?.startsWith("remote-"))).toEqual([]);
    await expect(stat(join(dir, "vda.raw.b"))).rejects.toMatchObject({ code: "ENOENT" });
    const last = beats.last?.sequence ?? 0;
    await beats.next((beat) => beat.sequence > last + 10, AbortSignal.timeout(20_000));
    outgoing.close();
  }, 60_000);

  it("let the guest run on at once when the destination dies while the CPUs stand still", async () => {
    const offer = await offerOf(plan());
    const s = new Facts();
    const d = new Facts();
    const outgoing = await a.source.open(offer, s.sink, call);
    const incoming = await b.destination.prepare(offer, d.sink, call);
    await outgoing.startMirrors(incoming.endpoints, call);
    await s.next("mirrorReady", 2);
    await outgoing.sendMemory(incoming.endpoints, call);
    await s.next("switchover");
    b.guests.incoming(UUID)?.instance?.process.kill("SIGKILL");
    await d.next("incomingFailed");
    await outgoing.concludeMirrors(call);
    await s.next("mirrorFailed");
    await outgoing.rollBack({ linkLost: false }, call);
    await s.next("rolledBack");
    expect(a.guests.require(UUID).state).toBe("running");
    expect(await incoming.discard(call)).toEqual([]);
    const last = beats.last?.sequence ?? 0;
    await beats.next((beat) => beat.sequence > last + 10, AbortSignal.timeout(20_000));
    outgoing.close();
  }, 60_000);
});
