import { ownCall } from "@virtmesh/core/call";
import { need } from "@virtmesh/core/driver/driver";
import type { MigrationOffer, MigrationPlan } from "@virtmesh/core/driver/migration";
import { domainUuid, generation, newMigrationId } from "@virtmesh/core/ids";
import type { DestinationHypervisorFact, SourceHypervisorFact } from "@virtmesh/core/migration/facts";
import { createTestDriver, type TestDriver } from "./test-driver.ts";

const UUID = domainUuid("11111111-2222-3333-4444-555555555555");
const call = ownCall();

const guestXml = (faults = ""): string => `<domain type='test'>
  <name>web</name>
  <uuid>${UUID}</uuid>
  <metadata><test:faults xmlns:test="https://virtmesh.dev/test/1">${faults}</test:faults></metadata>
  <memory unit='MiB'>64</memory>
  <os><type>hvm</type></os>
  <devices>
    <disk type='file'><source file='/guest/a'/><target dev='vda' bus='virtio'/></disk>
    <disk type='file'><source file='/guest/b'/><target dev='vdb' bus='virtio'/></disk>
  </devices>
</domain>`;

const plan = (changes: Partial<MigrationPlan> = {}): MigrationPlan => ({
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
  disks: "all",
  ...changes,
});

/** Facts in the order of their coming, and a way to wait for one. */
class Facts<F extends { readonly fact: string }> {
  readonly seen: F[] = [];
  readonly #waiting = new Set<() => void>();

  readonly sink = (fact: F): void => {
    this.seen.push(fact);
    for (const wake of [...this.#waiting]) wake();
  };

  async until(name: F["fact"], count = 1): Promise<void> {
    while (this.seen.filter((f) => f.fact === name).length < count) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  names(): string[] {
    return this.seen.map((f) => f.fact);
  }
}

async function twoHosts(faults = "", changes: Partial<MigrationPlan> = {}) {
  const source = createTestDriver({ guests: [guestXml(faults)] });
  const destination = createTestDriver({ guests: [] });
  const examined = await source.migrationSource.examine(plan(changes), call);
  const offer: MigrationOffer = {
    ...examined.offer,
    sourceHost: "host-a",
    sourceHostUuid: source.host.info().uuid,
    nextGeneration: generation(2n),
  };
  const out = new Facts<SourceHypervisorFact>();
  const arriving = new Facts<DestinationHypervisorFact>();
  return {
    source,
    destination,
    offer,
    examined,
    out,
    arriving,
    async [Symbol.asyncDispose]() {
      await source[Symbol.asyncDispose]();
      await destination[Symbol.asyncDispose]();
    },
  };
}

const imageOf = (driver: TestDriver, path: string): string =>
  Buffer.from(driver.control.image(path) ?? []).toString("hex");

describe("a migration between two test hosts", () => {
  it("gives the facts of a good one in their order, and moves the content of every disk", async () => {
    await using hosts = await twoHosts();
    const { source, destination, offer, out, arriving } = hosts;
    const incoming = await destination.migrationDestination.prepare(offer, arriving.sink, call);
    const outgoing = await source.migrationSource.open(offer, out.sink, call);
    await outgoing.startMirrors(incoming.endpoints, call);
    await out.until("mirrorReady", 2);
    source.control.write("/guest/a", 100, Buffer.from("written after it was ready"));
    expect(await source.blockJobs.list(UUID, call)).toHaveLength(2);

    await outgoing.sendMemory(incoming.endpoints, call);
    await out.until("switchover");
    expect(source.domains.find("web")).toMatchObject({ state: "paused", stateReason: "migrating" });
    await outgoing.concludeMirrors(call);
    await out.until("mirrorConcluded", 2);
    await outgoing.continueSwitchover(call);
    await arriving.until("loaded");
    expect(destination.domains.find("web")).toBeUndefined();

    await incoming.resume(call);
    await outgoing.retire({ undefine: true }, call);
    expect(out.names()).toEqual([
      "mirrorReady",
      "mirrorReady",
      ...Array<string>(4).fill("memoryPass"),
      "switchover",
      "mirrorConcluded",
      "mirrorConcluded",
      expect.stringMatching(/sent|retired/),
      ...(out.names().length > 10 ? ["retired"] : []),
    ]);
    expect(arriving.names()).toEqual(["loaded", "running"]);
    expect(source.domains.list()).toEqual([]);
    expect(destination.domains.find("web")).toMatchObject({
      state: "running",
      stateReason: "migrated",
      persistent: true,
    });
    for (const path of ["/guest/a", "/guest/b"])
      expect(imageOf(destination, path)).toBe(imageOf(source, path));
  });

  it("reports a copy that fails after it was ready, which no query would show", async () => {
    const fault = `<test:migration disk="vdb" fail="afterReady" message="No space left on device"/>`;
    await using hosts = await twoHosts(fault);
    const { source, destination, offer, out, arriving } = hosts;
    const incoming = await destination.migrationDestination.prepare(offer, arriving.sink, call);
    const outgoing = await source.migrationSource.open(offer, out.sink, call);
    await outgoing.startMirrors(incoming.endpoints, call);
    await out.until("mirrorFailed");
    expect(out.seen).toContainEqual({
      fact: "mirrorFailed",
      disk: "vdb",
      message: "No space left on device",
    });

    await outgoing.rollBack({ linkLost: false }, call);
    await incoming.discard(call);
    expect(out.names()).toContain("rolledBack");
    expect(await source.blockJobs.list(UUID, call)).toEqual([]);
    expect(source.domains.find("web")?.state).toBe("running");
    expect(destination.control.images()).toEqual([]);
  });

  it("goes back from the switch-over with the guest running on the source", async () => {
    await using hosts = await twoHosts(
      `<test:migration disk="vda" fail="conclude" message="Input/output error"/>`,
    );
    const { source, destination, offer, out, arriving } = hosts;
    const incoming = await destination.migrationDestination.prepare(offer, arriving.sink, call);
    const outgoing = await source.migrationSource.open(offer, out.sink, call);
    await outgoing.startMirrors(incoming.endpoints, call);
    await out.until("mirrorReady", 2);
    await outgoing.sendMemory(incoming.endpoints, call);
    await out.until("switchover");
    await outgoing.concludeMirrors(call);
    await out.until("mirrorFailed");
    await outgoing.rollBack({ linkLost: false }, call);
    expect(source.domains.find("web")).toMatchObject({ state: "running", stateReason: "unpaused" });
  });

  it("says that the guest has stopped when its process dies on the way", async () => {
    await using hosts = await twoHosts();
    const { source, destination, offer, out, arriving } = hosts;
    const incoming = await destination.migrationDestination.prepare(offer, arriving.sink, call);
    const outgoing = await source.migrationSource.open(offer, out.sink, call);
    await outgoing.startMirrors(incoming.endpoints, call);
    source.control.crash(UUID);
    await out.until("sourceExited");
    expect(source.domains.find("web")).toMatchObject({ state: "crashed" });
  });

  it("tells both sides when the destination goes away", async () => {
    await using hosts = await twoHosts(`<test:delay method="migration.memory" ms="60000"/>`);
    const { source, destination, offer, out, arriving } = hosts;
    const incoming = await destination.migrationDestination.prepare(offer, arriving.sink, call);
    const outgoing = await source.migrationSource.open(offer, out.sink, call);
    await outgoing.startMirrors(incoming.endpoints, call);
    await out.until("mirrorReady", 2);
    await outgoing.sendMemory(incoming.endpoints, call);
    await destination[Symbol.asyncDispose]();
    await out.until("memoryFailed");
    expect(out.names().filter((name) => name === "mirrorFailed")).toHaveLength(2);
  });

  it("fails on the destination where that was asked for", async () => {
    await using hosts = await twoHosts(`<test:migration fail="incoming" message="Unknown savevm section"/>`);
    const { source, destination, offer, out, arriving } = hosts;
    const incoming = await destination.migrationDestination.prepare(offer, arriving.sink, call);
    const outgoing = await source.migrationSource.open(offer, out.sink, call);
    await outgoing.sendMemory(incoming.endpoints, call);
    await arriving.until("incomingFailed");
    await out.until("memoryFailed");
    expect(arriving.seen).toEqual([{ fact: "incomingFailed", message: "Unknown savevm section" }]);
  });

  it("names everything that stands in the way on the destination", async () => {
    await using hosts = await twoHosts();
    const { destination, offer } = hosts;
    const create = need(destination, "domains", "create");
    await create(destination.domains.parse(guestXml()), { paused: false }, call);
    const { obstacles } = await destination.migrationDestination.examine(offer, call);
    expect(obstacles.map((o) => o.type)).toEqual(["DISK_EXISTS", "DISK_EXISTS"]);
    const self = await hosts.source.migrationDestination.examine(offer, call);
    expect(self.obstacles.map((o) => o.type)).toContain("SAME_HOST");
  });

  it("moves only the definition of a guest that is off", async () => {
    await using hosts = await twoHosts("", { mode: "offline", disks: "shared" });
    const { source, destination, examined, out, arriving } = hosts;
    expect(examined.obstacles.map((o) => o.type)).toEqual(["RUNNING"]);
    await source.domains.destroy(UUID, call);
    const offer = { ...hosts.offer, ...(await source.migrationSource.examine(hosts.offer.plan, call)).offer };
    const incoming = await destination.migrationDestination.prepare(offer, arriving.sink, call);
    await arriving.until("loaded");
    const outgoing = await source.migrationSource.open(offer, out.sink, call);
    await incoming.resume(call);
    await outgoing.retire({ undefine: true }, call);
    expect(destination.domains.find("web")).toMatchObject({ state: "shutoff", persistent: true });
    expect(source.domains.list()).toEqual([]);
  });
});

describe("a guest of a test host that is off", () => {
  it("is moved with the content of its disks, and has all of it when the copies have ended", async () => {
    await using source = createTestDriver({ guests: [] });
    await using destination = createTestDriver({ guests: [] });
    await source.domains.define(source.domains.parse(guestXml()), call);
    source.control.write("/guest/a", 100, Buffer.from("written before"));
    const { offer: examined } = await source.migrationSource.examine(plan({ mode: "offline" }), call);
    const offer: MigrationOffer = {
      ...examined,
      ...{ sourceHost: "host-a", sourceHostUuid: source.host.info().uuid, nextGeneration: generation(2n) },
    };
    const out = new Facts<SourceHypervisorFact>();
    const arriving = new Facts<DestinationHypervisorFact>();
    const incoming = await destination.migrationDestination.prepare(offer, arriving.sink, call);
    const outgoing = await source.migrationSource.open(offer, out.sink, call);
    await outgoing.startMirrors(incoming.endpoints, call);
    await out.until("mirrorReady", 2);
    await outgoing.concludeMirrors(call);
    await out.until("mirrorConcluded", 2);
    expect(arriving.names()).toEqual([]);
    await incoming.closeExports(call);
    await incoming.resume(call);
    expect(arriving.names()).toEqual(["loaded", "running"]);
    await outgoing.retire({ undefine: true }, call);
    expect(imageOf(destination, "/guest/a")).toBe(imageOf(source, "/guest/a"));
    expect(destination.domains.find("web")?.state).toBe("shutoff");
  });
});

describe("a post-copy between two test hosts", () => {
  /** Up to where the guest runs on the destination and its memory still comes. */
  async function pulling(hosts: Awaited<ReturnType<typeof twoHosts>>) {
    const { source, destination, offer, out, arriving } = hosts;
    const incoming = await destination.migrationDestination.prepare(offer, arriving.sink, call);
    const outgoing = await source.migrationSource.open(offer, out.sink, call);
    await outgoing.sendMemory(incoming.endpoints, call);
    await out.until("memoryPass");
    await outgoing.startPostcopy?.(call);
    await out.until("switchover");
    await outgoing.continueSwitchover(call);
    await arriving.until("loadedPartly");
    await incoming.resume(call);
    return { incoming, outgoing };
  }

  const SLOW =
    '<test:delay method="migration.memory" ms="2000"/><test:delay method="migration.pull" ms="20"/>';

  it("runs the guest before its memory is there, and says when it is", async () => {
    await using hosts = await twoHosts(SLOW, { disks: "shared", postcopy: { afterPasses: 0 } });
    const { outgoing } = await pulling(hosts);
    expect(hosts.destination.domains.find("web")?.state).toBe("running");
    await hosts.out.until("sent");
    expect(hosts.out.seen.find((f) => f.fact === "switchover")).toMatchObject({ order: "postcopy" });
    expect(hosts.arriving.names()).toEqual(["loadedPartly", "running", "complete"]);
    outgoing.close();
  });

  it("goes on by the door that the destination opens, when its connection broke", async () => {
    await using hosts = await twoHosts(SLOW, { disks: "shared", postcopy: { afterPasses: 0 } });
    const { incoming, outgoing } = await pulling(hosts);
    hosts.source.control.breakPostcopy(UUID);
    await Promise.all([hosts.out.until("postcopyPaused"), hosts.arriving.until("postcopyPaused")]);
    await incoming.openRecovery?.(call);
    await outgoing.resumePostcopy?.(incoming.endpoints.memoryAddress, call);
    await hosts.out.until("sent");
    expect(hosts.arriving.names().slice(-3)).toEqual(["recoverable", "postcopyActive", "complete"]);
    outgoing.close();
  });
});
