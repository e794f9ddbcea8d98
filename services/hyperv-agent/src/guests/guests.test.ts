import { ownCall } from "@virtmesh/core/call";
import { bareDefinition } from "../settings/read.ts";
import type { SystemSettings } from "../settings/model.ts";
import { type Facts, livingAs, withSystem } from "./facts.ts";
import { Guests } from "./guests.ts";

const KEY = "A1B2C3D4-0001-4000-8000-000000000001";
const c = ownCall();

/** A guest off, as it was read; `etag` tells its definitions apart. */
function facts(etag: string): Facts {
  const definition = { ...bareDefinition(1n << 20n), name: "web" };
  return {
    ...{ key: KEY, system: { Name: KEY, EnabledState: 3 }, settings: { system: {} } as SystemSettings, etag },
    ...{ definition: { ...definition, uuid: KEY.toLowerCase() as typeof definition.uuid } },
    ...{ power: "off", stateTimeMs: 0, onTimeMs: 0 },
  };
}

/** Guests of a host that has told of all it has: none. */
async function guests(): Promise<{ readonly all: Guests; readonly told: string[] }> {
  const all = new Guests();
  const told: string[] = [];
  all.events.subscribe(({ body }) => {
    if (body.kind === "lifecycle") told.push(`${body.type} ${body.detail}`.trim());
  });
  all.become([]);
  // Listeners hear nothing before they have come.
  await Promise.resolve();
  return { all, told };
}

describe("what is known of a guest", () => {
  it("is what was begun to be read last, whatever took longer", async () => {
    const { all, told } = await guests();
    const slow = all.beginReading(KEY);
    all.beginReading(KEY)(facts("new"));
    slow(facts("old"));
    expect(told).toEqual(["defined added"]);
  });

  it("is that it is gone, whatever was still being read of it", async () => {
    const { all, told } = await guests();
    all.beginReading(KEY)(facts("a"));
    const slow = all.beginReading(KEY);
    all.beginReading(KEY)(undefined);
    slow(facts("a"));
    expect(all.all()).toEqual([]);
    expect(told).toEqual(["defined added", "undefined removed"]);
  });

  it("stays while it is on its way, and is told at the end as what that has come to", async () => {
    const { all, told } = await guests();
    all.beginReading(KEY)(facts("a"));
    const { uuid } = all.all()[0] ?? { uuid: facts("a").definition.uuid };
    const hold = all.hold(uuid, c);
    all.beginReading(KEY)(undefined);
    expect(all.all()).toHaveLength(1);
    hold[Symbol.dispose]();
    expect(all.all()).toEqual([]);
    expect(told).toEqual(["defined added", "undefined removed"]);
  });

  it("is what it was while it goes from one state to another, however it is read", () => {
    const running = { power: "running", stateTimeMs: 1_000, onTimeMs: 500 } as const;
    const before = { ...facts("a"), ...running, system: { Name: KEY, EnabledState: 2 } };
    // Shutting down, a host may count anew how long it has been that.
    const stopping = { Name: KEY, EnabledState: 4, OnTimeInMilliseconds: 0n };
    expect(withSystem(before, stopping)).toMatchObject(running);
    const resetting = { ...facts("a"), stateTimeMs: 2_000, system: { Name: KEY, EnabledState: 11 } };
    expect(livingAs(before, resetting)).toMatchObject(running);
    expect(livingAs(undefined, resetting)).toBe(resetting);
  });

  it("is as before when one that was on its way has come back as it was", async () => {
    const { all, told } = await guests();
    all.beginReading(KEY)(facts("a"));
    const hold = all.hold(facts("a").definition.uuid, c);
    all.beginReading(KEY)(undefined);
    all.beginReading(KEY)(facts("a"));
    hold[Symbol.dispose]();
    expect(told).toEqual(["defined added"]);
  });
});
