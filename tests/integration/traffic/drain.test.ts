import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import {
  type DrainedGuest,
  DrainedGuestState as S,
  type DrainProgress,
  DrainReport,
} from "@virtmesh/api/gen/virtmesh/v1/host";
import { HostServiceService } from "@virtmesh/api/gen/virtmesh/v1/host";
import { OperationServiceService as O } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { unaryCall } from "@virtmesh/kit/grpc-client";
import { failure, guestXml } from "../agent/support.ts";
import { TrafficMesh } from "./traffic-mesh.ts";

const SLOW = `<test:delay method="migration.memory" ms="200"/>`;
const ENDLESS = `<test:delay method="migration.memory" ms="60000"/>`;
const UNLUCKY = `<test:migration fail="memory" message="the link broke"/>`;

const numbered = (n: number, prefix: string): string[] =>
  Array.from({ length: n }, (_, i) => `${prefix}-${String(i).padStart(3, "0")}`);

describe("the drain of a host", () => {
  let mesh: TrafficMesh;
  afterEach(() => mesh[Symbol.asyncDispose]());

  const progress = async (op: Operation): Promise<DrainProgress> =>
    (await mesh.when("host-a", op, () => true)).drain as DrainProgress;
  const guestIn = (p: DrainProgress, name: string): DrainedGuest | undefined =>
    p.guests.find((g) => g.domainName === name);
  const host = (name: string) =>
    unaryCall(
      mesh.of(name).channel,
      HostServiceService.getHost,
      { uri: mesh.of(name).uri },
      { signal: AbortSignal.timeout(30_000) },
    );
  const uncordon = (name: string) =>
    unaryCall(
      mesh.of(name).channel,
      HostServiceService.uncordonHost,
      { uri: mesh.of(name).uri, requestId: "" },
      { signal: AbortSignal.timeout(30_000) },
    );

  it("moves two hundred guests in one operation, each in a migration of its own", async () => {
    mesh = await TrafficMesh.start({
      "host-a": { outgoing: 16, perLink: 16 },
      "host-b": { incoming: 8 },
      "host-c": { incoming: 8 },
    });
    const names = numbered(200, "guest");
    await mesh.guests("host-a", names);
    const op = await mesh.drain("host-a");
    expect(await mesh.end("host-a", op)).toBe("");
    expect(mesh.names("host-a")).toEqual([]);
    expect([...mesh.names("host-b"), ...mesh.names("host-c")].toSorted()).toEqual(names);
    const { channel, uri } = mesh.of("host-a");
    const { operations } = await unaryCall(
      channel,
      O.listOperations,
      { uri, filter: `parent = "${op.name}"`, pageSize: 500, pageToken: "" },
      { signal: AbortSignal.timeout(30_000) },
    );
    expect(operations.length).toBe(200);
    expect(await host("host-a")).toMatchObject({ cordoned: true, cordonReason: `drained by ${op.name}` });
  }, 180_000);

  it("says first where each guest would go and why, and changes nothing", async () => {
    mesh = await TrafficMesh.start({ "host-a": {}, "host-b": {}, "host-c": {} });
    await mesh.guests("host-a", ["large"], "", "16");
    await mesh.guests("host-a", ["small"]);
    await mesh.of("host-b").client.define(guestXml("small"));
    await mesh.of("host-c").client.define(guestXml("small"));
    const { result } = await mesh.drain("host-a", { validateOnly: true });
    const report = DrainReport.decode(result?.$case === "response" ? result.value.value : Buffer.alloc(0));
    expect(report.guests).toMatchObject([
      {
        domainName: "large",
        state: S.DRAINED_GUEST_STATE_PENDING,
        destinationUri: expect.stringMatching(/host-[bc]/),
        choice: expect.stringMatching(/^host-[bc] keeps \d+ MiB free; host-[bc] keeps \d+ MiB free$/),
      },
      {
        domainName: "small",
        state: S.DRAINED_GUEST_STATE_LEFT,
        error: expect.stringMatching(/has another guest called "small"/),
      },
    ]);
    expect(mesh.names("host-a")).toEqual(["large", "small"]);
    expect(await host("host-a")).toMatchObject({ cordoned: false });
  });

  it("leaves what cannot be moved, and lists it with its error after so many attempts", async () => {
    mesh = await TrafficMesh.start({ "host-a": {}, "host-b": {}, "host-c": {} });
    await mesh.guests("host-a", ["fine-1", "fine-2"]);
    await mesh.guests("host-a", ["unlucky"], UNLUCKY);
    const op = await mesh.drain("host-a", { attempts: 2 });
    expect(await mesh.end("host-a", op)).toMatch(
      /^host-a is not empty: 2 of 3 guests were moved, 1 is on host-a as before; the first is "unlucky": .*the link broke/,
    );
    expect(mesh.names("host-a")).toEqual(["unlucky"]);
    const seen = await progress(op);
    expect(seen).toMatchObject({ total: 3, moved: 2, moving: 0, pending: 0, left: 1 });
    expect(guestIn(seen, "unlucky")).toMatchObject({
      state: S.DRAINED_GUEST_STATE_LEFT,
      attempts: 2,
      reason: "MIGRATION_FAILED",
    });
  });

  it("moves only to where it may, and guests that are off only when asked to", async () => {
    mesh = await TrafficMesh.start({ "host-a": {}, "host-b": {}, "host-c": {} });
    await mesh.guests("host-a", ["runs"]);
    await mesh.of("host-a").client.define(guestXml("off"));
    expect(await mesh.end("host-a", await mesh.drain("host-a", { destinations: "test://host-c/*" }))).toBe(
      "",
    );
    expect([mesh.names("host-a"), mesh.names("host-c")]).toEqual([["off"], ["runs"]]);
    expect(
      await mesh.end(
        "host-a",
        await mesh.drain("host-a", { destinations: "test://host-c/*", offlineGuests: true }),
      ),
    ).toBe("");
    expect([mesh.names("host-a"), mesh.names("host-c")]).toEqual([[], ["off", "runs"]]);
    expect((await mesh.of("host-c").client.get("off")).persistent).toBe(true);
  });

  it("stops when it is cancelled: what moves goes back, what has not begun stays, and it says which", async () => {
    mesh = await TrafficMesh.start({ "host-a": { outgoing: 2 }, "host-b": {} });
    await mesh.guests("host-a", ["a-quick"], "", "3");
    await mesh.guests("host-a", ["b-slow", "c-slow"], ENDLESS, "2");
    await mesh.guests("host-a", ["d-waits"]);
    const op = await mesh.drain("host-a");
    await mesh.when("host-a", op, (m) => m.drain?.moved === 1 && m.drain.moving === 2);
    await mesh.cancel("host-a", op);
    expect(await mesh.end("host-a", op)).toBe(
      "the drain of host-a was cancelled: 1 of 4 guests were moved, 3 are on host-a as before; host-a stays cordoned",
    );
    const seen = await progress(op);
    expect(seen.guests.map((g) => [g.domainName, g.state])).toEqual([
      ["a-quick", S.DRAINED_GUEST_STATE_MOVED],
      ["b-slow", S.DRAINED_GUEST_STATE_LEFT],
      ["c-slow", S.DRAINED_GUEST_STATE_LEFT],
      ["d-waits", S.DRAINED_GUEST_STATE_LEFT],
    ]);
    expect(guestIn(seen, "b-slow")?.error).toMatch(/the guest is on test:\/\/host-a\/default, as before/);
    expect(guestIn(seen, "d-waits")?.error).toBe("the drain was cancelled before its turn");
    expect(mesh.names("host-a")).toEqual(["b-slow", "c-slow", "d-waits"]);
  });

  it("goes on when its agent is started again", async () => {
    mesh = await TrafficMesh.start({ "host-a": { outgoing: 2 }, "host-b": {} });
    const names = numbered(8, "guest");
    await mesh.guests("host-a", names, SLOW);
    const op = await mesh.drain("host-a");
    await mesh.when("host-a", op, (m) => (m.drain?.moved ?? 0) >= 2);
    await mesh.stop("host-a");
    await mesh.agent("host-a", { outgoing: 2 });
    expect(await mesh.end("host-a", op)).toBe("");
    expect(mesh.names("host-b")).toEqual(names);
    expect(mesh.names("host-a")).toEqual([]);
  });

  it("is one at a time, and a host that is cordoned takes no new guests until it is uncordoned", async () => {
    mesh = await TrafficMesh.start({ "host-a": {}, "host-b": {} });
    await mesh.guests("host-a", ["slow"], ENDLESS);
    const op = await mesh.drain("host-a");
    expect(await failure(mesh.drain("host-a"))).toMatchObject({
      reason: "WRONG_STATE",
      message: `host-a is being drained already, by ${op.name}; follow or cancel that`,
    });
    expect(await failure(mesh.of("host-a").client.define(guestXml("new")))).toMatchObject({
      reason: "HOST_CORDONED",
    });
    expect(await failure(mesh.of("host-a").client.create(guestXml("new")))).toMatchObject({
      reason: "HOST_CORDONED",
    });
    await mesh.guests("host-b", ["comes"]);
    expect(await failure(mesh.migrate("host-b", "comes", "host-a"))).toMatchObject({
      reason: "MIGRATION_BLOCKED",
      context: { preconditions: [{ type: "HOST_CORDONED" }] },
    });
    await mesh.cancel("host-a", op);
    await mesh.end("host-a", op);
    await mesh.stop("host-a");
    await mesh.agent("host-a");
    expect(await host("host-a")).toMatchObject({ cordoned: true });
    expect(await uncordon("host-a")).toMatchObject({ cordoned: false });
    await mesh.acquainted();
    await mesh.of("host-a").client.define(guestXml("new"));
    expect(await mesh.end("host-b", await mesh.migrate("host-b", "comes", "host-a"))).toBe("");
  });

  it("goes elsewhere when a host that was chosen is cordoned meanwhile", async () => {
    mesh = await TrafficMesh.start({ "host-a": { outgoing: 1 }, "host-b": {}, "host-c": {} });
    const names = numbered(6, "guest");
    await mesh.guests("host-a", names, SLOW);
    const op = await mesh.drain("host-a");
    await mesh.when("host-a", op, (m) => (m.drain?.moved ?? 0) >= 1);
    const [full] = (await progress(op)).guests.map((g) => g.destinationUri);
    const cordoned = full === mesh.of("host-b").uri ? "host-b" : "host-c";
    await unaryCall(
      mesh.of(cordoned).channel,
      HostServiceService.cordonHost,
      { uri: mesh.of(cordoned).uri, requestId: "", reason: "" },
      { signal: AbortSignal.timeout(30_000) },
    );
    expect(await mesh.end("host-a", op)).toBe("");
    expect(mesh.names("host-a")).toEqual([]);
    expect(mesh.names(cordoned).length).toBeLessThan(6);
  });

  it("refuses what belongs to one guest only", async () => {
    mesh = await TrafficMesh.start({ "host-a": {}, "host-b": {} });
    const migration = { plaintext: true, destinationName: "same" };
    expect(await failure(mesh.drain("host-a", { migration: migration as never }))).toMatchObject({
      reason: "INVALID_FIELD",
      message: "migration.destination_name: belongs to one guest, and a drain moves many: leave it empty",
    });
  });
});
