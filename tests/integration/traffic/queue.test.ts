import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { MigrationPhase } from "@virtmesh/api/gen/virtmesh/v1/migration";
import type { OperationMetadata } from "@virtmesh/api/gen/virtmesh/v1/operation";
import type { Limits } from "@virtmesh/agent/traffic/limits";
import { domainUuid } from "@virtmesh/core/ids";
import { TrafficMesh } from "./traffic-mesh.ts";

/** Long enough that others come meanwhile, and ended by a cancel where it must not end by itself. */
const SLOW = `<test:delay method="migration.memory" ms="300"/>`;
const ENDLESS = `<test:delay method="migration.memory" ms="60000"/>`;

const isQueued = (m: OperationMetadata): boolean =>
  m.migration?.phase === MigrationPhase.MIGRATION_PHASE_QUEUED;
const waitOf = (m: OperationMetadata) => m.migration?.wait;
const numbered = (n: number, prefix: string): string[] =>
  Array.from({ length: n }, (_, i) => `${prefix}-${String(i).padStart(2, "0")}`);

describe("migrations that are asked for at once", () => {
  let mesh: TrafficMesh;
  const start = async (hosts: Readonly<Record<string, Partial<Limits>>>): Promise<void> => {
    mesh = await TrafficMesh.start(hosts);
  };
  afterEach(() => mesh[Symbol.asyncDispose]());

  /** Follows how many there ever were at once. */
  function most(host: string): { readonly incoming: () => number } {
    let incoming = 0;
    const gate = mesh.of(host).agent.context.incoming;
    gate.onChange(() => (incoming = Math.max(incoming, gate.running)));
    return { incoming: () => incoming };
  }

  it("all get through, never more at once than either host takes", async () => {
    await start({ "host-a": { outgoing: 6 }, "host-b": { incoming: 2 }, "host-c": { incoming: 3 } });
    const names = numbered(20, "many");
    await mesh.guests("host-a", names);
    const there = [most("host-b"), most("host-c")];
    const all = await Promise.all(
      names.map((name, i) => mesh.migrate("host-a", name, i % 2 === 0 ? "host-b" : "host-c")),
    );
    expect(await Promise.all(all.map((o) => mesh.end("host-a", o)))).toEqual(names.map(() => ""));
    expect(mesh.names("host-a")).toEqual([]);
    expect([mesh.names("host-b").length, mesh.names("host-c").length]).toEqual([10, 10]);
    expect(there.map((m) => m.incoming())).toEqual([2, 3]);
    expect(await mesh.limits("host-a")).toMatchObject({
      outgoing: 6,
      runningOutgoing: 0,
      waitingOutgoing: 0,
    });
  });

  it("wait with a place, and go by priority", async () => {
    await start({ "host-a": { outgoing: 1 }, "host-b": {} });
    await mesh.guests("host-a", ["first"], ENDLESS);
    await mesh.guests("host-a", ["low", "plain", "high"], SLOW);
    const first = await mesh.migrate("host-a", "first", "host-b");
    const ops: Record<string, Operation> = {};
    for (const [name, priority] of [
      ["low", -1],
      ["plain", 0],
      ["high", 1],
    ] as const) {
      ops[name] = await mesh.migrate("host-a", name, "host-b", { priority });
    }
    const low = await mesh.when("host-a", ops["low"] as Operation, (m) => waitOf(m)?.place === 3);
    expect(waitOf(low)).toMatchObject({
      reason: "host-a makes 1 migration at once and has them under way",
      waiting: 3,
      priority: -1,
      host: "",
    });
    expect(await mesh.limits("host-a")).toMatchObject({ runningOutgoing: 1, waitingOutgoing: 3 });
    await mesh.cancel("host-a", first);
    const ends: string[] = [];
    await Promise.all(
      Object.entries(ops).map(async ([name, op]) => {
        expect(await mesh.end("host-a", op)).toBe("");
        ends.push(name);
      }),
    );
    expect(ends).toEqual(["high", "plain", "low"]);
  });

  it("wait on the destination when that has no room, and hold up nobody who goes elsewhere", async () => {
    await start({ "host-a": { outgoing: 2 }, "host-b": { incoming: 1 }, "host-c": {} });
    await mesh.guests("host-a", ["stays"], ENDLESS);
    await mesh.guests("host-a", ["next", "last", "other"]);
    const stays = await mesh.migrate("host-a", "stays", "host-b");
    const next = await mesh.migrate("host-a", "next", "host-b");
    const waiting = await mesh.when("host-a", next, (m) => waitOf(m)?.host === "host-b");
    expect(waitOf(waiting)).toMatchObject({
      reason: "host-b takes 1 incoming migration at once and has them",
      place: 1,
      waiting: 1,
    });
    const last = await mesh.migrate("host-a", "last", "host-b");
    expect(waitOf(await mesh.when("host-a", last, isQueued))?.reason).toBe(
      "others wait already for a place on host-b",
    );
    expect(await mesh.end("host-a", await mesh.migrate("host-a", "other", "host-c"))).toBe("");
    await mesh.cancel("host-a", stays);
    expect(await mesh.end("host-a", stays)).toMatch(/the guest is on test:\/\/host-a\/default, as before/);
    expect([await mesh.end("host-a", next), await mesh.end("host-a", last)]).toEqual(["", ""]);
    expect(mesh.names("host-a")).toEqual(["stays"]);
  });

  it("cannot block each other when two hosts migrate to each other with one place each", async () => {
    const one = { outgoing: 1, incoming: 1, perLink: 1 };
    await start({ "host-a": one, "host-b": one });
    const [fromA, fromB] = [numbered(5, "from-a"), numbered(5, "from-b")];
    await mesh.guests("host-a", fromA);
    await mesh.guests("host-b", fromB);
    const there = await Promise.all(fromA.map((name) => mesh.migrate("host-a", name, "host-b")));
    const back = await Promise.all(fromB.map((name) => mesh.migrate("host-b", name, "host-a")));
    for (const op of there) expect(await mesh.end("host-a", op)).toBe("");
    for (const op of back) expect(await mesh.end("host-b", op)).toBe("");
    expect(mesh.names("host-a")).toEqual(fromB);
    expect(mesh.names("host-b")).toEqual(fromA);
  });

  it("end as cancelled when they are cancelled before their turn, and the others move up", async () => {
    await start({ "host-a": { outgoing: 1 }, "host-b": {} });
    await mesh.guests("host-a", ["stays"], ENDLESS);
    await mesh.guests("host-a", ["gives-up", "behind"]);
    const stays = await mesh.migrate("host-a", "stays", "host-b");
    const givesUp = await mesh.migrate("host-a", "gives-up", "host-b");
    const behind = await mesh.migrate("host-a", "behind", "host-b");
    await mesh.when("host-a", behind, (m) => waitOf(m)?.place === 2);
    await mesh.cancel("host-a", givesUp);
    expect(await mesh.end("host-a", givesUp)).toBe(
      'the migration of guest "gives-up" to test://host-b/default was cancelled before its turn had come; the guest is on test://host-a/default, as before',
    );
    await mesh.when("host-a", behind, (m) => waitOf(m)?.place === 1);
    await mesh.cancel("host-a", stays);
    expect(await mesh.end("host-a", behind)).toBe("");
  });

  it("leave their guests free until their turn, but not for a second migration", async () => {
    await start({ "host-a": { outgoing: 1 }, "host-b": {} });
    await mesh.guests("host-a", ["stays"], ENDLESS);
    await mesh.guests("host-a", ["waits"]);
    const stays = await mesh.migrate("host-a", "stays", "host-b");
    const waits = await mesh.migrate("host-a", "waits", "host-b");
    await expect(mesh.migrate("host-a", "waits", "host-b")).rejects.toMatchObject({ reason: "DOMAIN_BUSY" });
    await mesh.of("host-a").client.destroy("waits");
    await mesh.cancel("host-a", stays);
    expect(await mesh.end("host-a", waits)).toBe(
      'guest "waits" does not run: migrate it offline, or start it first',
    );
  });

  it("begin when a limit is raised while they wait, and the limit outlives the agent", async () => {
    await start({ "host-a": { outgoing: 1 }, "host-b": {} });
    await mesh.guests("host-a", ["stays"], ENDLESS);
    await mesh.guests("host-a", ["waits"]);
    const stays = await mesh.migrate("host-a", "stays", "host-b");
    const waits = await mesh.migrate("host-a", "waits", "host-b");
    await mesh.when("host-a", waits, isQueued);
    expect(await mesh.limits("host-a", { outgoing: 2 }, ["outgoing"])).toMatchObject({
      outgoing: 2,
      incoming: 4,
    });
    expect(await mesh.end("host-a", waits)).toBe("");
    await mesh.cancel("host-a", stays);
    await mesh.end("host-a", stays);
    await mesh.stop("host-a");
    await mesh.agent("host-a", { outgoing: 1 });
    expect(await mesh.limits("host-a")).toMatchObject({ outgoing: 2 });
  });

  it("are taken up in their order by an agent that is started again", async () => {
    await start({ "host-a": { outgoing: 1 }, "host-b": {} });
    await mesh.guests("host-a", ["stays"], ENDLESS);
    const names = numbered(3, "waits");
    await mesh.guests("host-a", names, SLOW);
    const stays = await mesh.migrate("host-a", "stays", "host-b");
    const ops: Operation[] = [];
    for (const name of names) ops.push(await mesh.migrate("host-a", name, "host-b"));
    await mesh.when("host-a", ops[2] as Operation, (m) => waitOf(m)?.place === 3);
    await mesh.stop("host-a");
    await mesh.agent("host-a", { outgoing: 1 });
    // The one that ran is undone, and those that waited go on.
    expect(await mesh.end("host-a", stays)).not.toBe("");
    const ends: string[] = [];
    await Promise.all(
      ops.map(async (op, i) => {
        expect(await mesh.end("host-a", op)).toBe("");
        ends.push(names[i] ?? "");
      }),
    );
    expect(ends).toEqual(names);
    expect(mesh.names("host-a")).toEqual(["stays"]);
  });

  it("share the bandwidth of their host, more for each when one has ended, and no more than the destination allows", async () => {
    await start({
      "host-a": { outgoingBandwidth: 120n },
      "host-b": { incomingBandwidth: 40n },
      "host-c": {},
    });
    const names = ["one", "two", "three"];
    await mesh.guests("host-a", names, ENDLESS);
    const driver = mesh.driver("host-a");
    const uuids = await Promise.all(
      names.map(async (name) => domainUuid((await mesh.of("host-a").client.get(name)).uuid)),
    );
    const shares = (): (bigint | undefined)[] =>
      uuids.map((uuid) => driver.control.tuning(uuid)?.memoryBandwidth);
    /** The hypervisor is told a moment after what the shares depend on. */
    const become = async (wanted: readonly (bigint | undefined)[]): Promise<void> => {
      for (let tries = 0; tries < 1_000 && !isDeepStrictEqual(shares(), wanted); tries += 1) await delay(10);
      expect(shares()).toEqual(wanted);
    };
    const [one, two, three] = await Promise.all([
      mesh.migrate("host-a", "one", "host-c"),
      mesh.migrate("host-a", "two", "host-c", {
        tuning: {
          memoryBandwidthBytesPerSecond: 20n,
          diskBandwidthBytesPerSecond: 0n,
          maxDowntime: undefined,
        },
      }),
      mesh.migrate("host-a", "three", "host-b"),
    ]);
    for (const op of [one, two, three]) {
      await mesh.when(
        "host-a",
        op,
        (m) => m.migration?.phase === MigrationPhase.MIGRATION_PHASE_COPYING_MEMORY,
      );
    }
    await become([60n, 20n, 40n]);
    await mesh.cancel("host-a", two);
    await mesh.end("host-a", two);
    await become([80n, undefined, 40n]);
    await mesh.limits("host-a", { outgoingBandwidthBytesPerSecond: 60n }, [
      "outgoing_bandwidth_bytes_per_second",
    ]);
    await become([30n, undefined, 30n]);
    for (const op of [one, three]) await mesh.cancel("host-a", op);
    for (const op of [one, three]) await mesh.end("host-a", op);
  });
});
