import fc from "fast-check";
import { choose, type Place, placesFor } from "./choose.ts";
import {
  type DrainEffect,
  type DrainState,
  type NewGuest,
  newDrain,
  stepDrain,
  type Surroundings,
  type Verdict,
} from "./drain.ts";

const MIB = 2n ** 20n;
const FROM = "test://host-a/default";

function place(host: string, freeMib: number, more: Partial<Place> = {}): Place {
  return {
    uri: `test://${host}/default`,
    host,
    alive: true,
    cordoned: false,
    labels: {},
    freeMemoryBytes: BigInt(freeMib) * MIB,
    incomingLimit: 4,
    incoming: 0,
    ...more,
  };
}

function guest(name: string, mib: number, offline = false): NewGuest {
  return { uuid: `uuid-${name}`, name, memoryBytes: BigInt(mib) * MIB, offline };
}

const nothing = { memoryBytes: 100n * MIB, blockedAt: {}, failedAt: [] };
const noLoad = () => ({ bytes: 0n, migrations: 0 });

describe("the choice of a host for a guest", () => {
  it("passes over hosts that may not be, each with its reason", () => {
    const all = [
      place("host-a", 9),
      place("host-b", 9),
      place("host-c", 9, { cordoned: true }),
      place("host-d", 9, { alive: false }),
      place("host-e", 9, { labels: { rack: "1" } }),
      { ...place("other", 9), uri: "qemu://other/system" },
    ];
    const wanted = { from: FROM, destinations: "test://host-*/default", labels: {} };
    expect(placesFor(all, wanted).places.map((p) => p.host)).toEqual(["host-b", "host-e"]);
    expect(placesFor(all, wanted).passedOver).toEqual([
      "host-c is cordoned",
      "host-d does not renew its lease",
    ]);
    expect(placesFor(all, { ...wanted, labels: { rack: "1" } })).toMatchObject({
      places: [{ host: "host-e" }],
      passedOver: expect.arrayContaining(["host-b has not the label rack=1"]),
    });
    expect(placesFor(all, { ...wanted, destinations: "test://host-b/*" }).passedOver).toContain(
      "host-e is not covered by test://host-b/*",
    );
  });

  it("takes the one that keeps the most memory, and says so", () => {
    expect(choose(nothing, [place("host-b", 300), place("host-c", 500)], noLoad)).toMatchObject({
      place: { host: "host-c" },
      why: "host-c keeps 400 MiB free; host-b keeps 200 MiB free",
    });
  });

  it("prefers one that can take it at once, and one where it has not failed", () => {
    const full = place("host-b", 900, { incoming: 4 });
    expect(choose(nothing, [full, place("host-c", 200)], noLoad)).toMatchObject({
      place: { host: "host-c" },
    });
    const again = { ...nothing, failedAt: ["test://host-c/default"] };
    expect(choose(again, [full, place("host-c", 200)], noLoad)).toMatchObject({ place: { host: "host-b" } });
    expect(choose(again, [place("host-c", 200)], noLoad)).toMatchObject({ place: { host: "host-c" } });
  });

  it("says of every host why it cannot be", () => {
    const lodger = { ...nothing, blockedAt: { "test://host-c/default": "a guest with its name is there" } };
    expect(choose(lodger, [place("host-b", 30), place("host-c", 900)], noLoad)).toEqual({
      place: undefined,
      why: "host-b: lacks 70 MiB of memory; host-c: a guest with its name is there",
    });
    expect(choose(nothing, [], noLoad).why).toBe("there is no host to go to");
  });
});

/** Steps a drain and answers its migrations as `fate` says. */
function run(
  guests: readonly NewGuest[],
  around: Surroundings,
  fate: (uuid: string, destination: string, attempt: number) => "moved" | Verdict,
  onStep: (state: DrainState) => void = () => undefined,
  cancelAfter = Number.POSITIVE_INFINITY,
  order: () => number = () => 0,
): DrainState {
  let state = newDrain(guests, 3);
  const work: DrainEffect[] = [];
  let finished = 0;
  let steps = 0;
  const take = (fact: Parameters<typeof stepDrain>[1]): void => {
    const step = stepDrain(state, fact, around);
    ({ state } = step);
    for (const effect of step.effects) {
      if (effect.effect === "finish") finished += 1;
      else work.push(effect);
    }
    onStep(state);
  };
  take({ fact: "look" });
  while (work.length > 0) {
    if (steps++ === cancelAfter) take({ fact: "cancelled" });
    const [effect] = work.splice(order() % work.length, 1);
    if (effect === undefined) break;
    switch (effect.effect) {
      case "migrate": {
        const attempt = state.guests.find((g) => g.uuid === effect.uuid)?.attempts ?? 0;
        const outcome = fate(effect.uuid, effect.destination, attempt);
        if (outcome === "moved") take({ fact: "moved", uuid: effect.uuid });
        else
          take({
            fact: "failed",
            uuid: effect.uuid,
            verdict: outcome,
            reason: "MIGRATION_FAILED",
            message: "it broke",
          });
        break;
      }
      case "retryLater":
        take({ fact: "retryDue", uuid: effect.uuid });
        break;
      case "cancel":
      case "finish":
        break;
    }
  }
  expect(finished).toBeGreaterThan(0);
  return state;
}

const around: Surroundings = { places: [place("host-b", 1000), place("host-c", 1000)], parallel: 2 };
const phases = (state: DrainState): Record<string, string> =>
  Object.fromEntries(state.guests.map((g) => [g.name, g.phase]));

describe("the drain of a host", () => {
  it("moves every guest, the large ones first and those that are off last", () => {
    const state = run(
      [guest("off", 999, true), guest("small", 10), guest("large", 500)],
      around,
      () => "moved",
    );
    expect(state.guests.map((g) => [g.name, g.phase])).toEqual([
      ["large", "moved"],
      ["small", "moved"],
      ["off", "moved"],
    ]);
  });

  it("tries a guest again elsewhere, and leaves it with its error after so many attempts", () => {
    const tried: string[] = [];
    const state = run([guest("bad", 10), guest("good", 5)], around, (uuid, destination) => {
      if (uuid === "uuid-good") return "moved";
      tried.push(destination);
      return "again";
    });
    expect(phases(state)).toEqual({ bad: "left", good: "moved" });
    expect(tried).toEqual(["test://host-b/default", "test://host-c/default", expect.any(String)]);
    expect(state.guests[0]).toMatchObject({ error: "it broke", attempts: 3 });
  });

  it("does not try a host again where something stands in the way", () => {
    const tried: string[] = [];
    const state = run([guest("named", 10)], around, (_uuid, destination) => {
      tried.push(destination);
      return "notThere";
    });
    expect(tried.toSorted()).toEqual(["test://host-b/default", "test://host-c/default"]);
    expect(phases(state)).toEqual({ named: "left" });
  });

  it("leaves a guest for which no host has room, and goes on with smaller ones", () => {
    const state = run([guest("huge", 5000), guest("small", 10)], around, () => "moved");
    expect(phases(state)).toEqual({ huge: "left", small: "moved" });
    expect(state.guests[0]?.error).toMatch(
      /^no host can take it: host-b: lacks 4010 MiB of memory; host-c: lacks 4000 MiB/,
    );
  });

  it("takes up guests that began to run here meanwhile", () => {
    const first = stepDrain(newDrain([], 3), { fact: "look" }, around);
    expect(first.effects).toEqual([{ effect: "finish" }]);
    const more = stepDrain(first.state, { fact: "found", guests: [guest("late", 1)] }, around);
    expect(more.effects).toMatchObject([{ effect: "migrate", uuid: "uuid-late" }]);
  });

  const fates = fc.constantFrom<"moved" | Verdict>("moved", "moved", "again", "notThere", "never", "gone");
  const someGuests = fc
    .array(fc.record({ mib: fc.integer({ min: 1, max: 600 }), offline: fc.boolean() }), { maxLength: 15 })
    .map((all) => all.map((g, i) => guest(`g${i}`, g.mib, g.offline)));

  it("always ends, never moves more at once than it may, never promises a host more memory than it has", () => {
    fc.assert(
      fc.property(
        someGuests,
        fc.array(fates, { minLength: 1 }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.nat(9), { minLength: 1 }),
        fc.option(fc.nat(10), { nil: 1000 }),
        (guests, script, parallel, picks, cancelAfter) => {
          const here: Surroundings = { places: around.places, parallel };
          let at = 0;
          let pick = 0;
          const state = run(
            guests,
            here,
            () => script[at++ % script.length] ?? "moved",
            (now) => {
              expect(now.guests.filter((g) => g.phase === "moving").length).toBeLessThanOrEqual(parallel);
              for (const p of here.places) {
                const there = now.guests.filter(
                  (g) =>
                    g.destination === p.uri && !g.offline && (g.phase === "moving" || g.phase === "moved"),
                );
                expect(there.reduce((sum, g) => sum + g.memoryBytes, 0n)).toBeLessThanOrEqual(
                  p.freeMemoryBytes,
                );
              }
            },
            cancelAfter,
            () => picks[pick++ % picks.length] ?? 0,
          );
          for (const g of state.guests) {
            expect(["moved", "left", "gone"]).toContain(g.phase);
            expect(g.attempts).toBeLessThanOrEqual(3 + Object.keys(g.blockedAt).length);
            if (g.phase === "left") expect(g.error).not.toBe("");
          }
        },
      ),
    );
  });

  it("begins nothing after it was cancelled, and cancels what moves", () => {
    let step = stepDrain(
      newDrain([guest("1", 3), guest("2", 2), guest("3", 1)], 3),
      { fact: "look" },
      around,
    );
    step = stepDrain(step.state, { fact: "cancelled" }, around);
    expect(step.effects).toEqual([
      { effect: "cancel", uuid: "uuid-1" },
      { effect: "cancel", uuid: "uuid-2" },
    ]);
    step = stepDrain(
      step.state,
      { fact: "failed", uuid: "uuid-1", verdict: "never", reason: "CANCELLED", message: "cancelled" },
      around,
    );
    expect(step.effects).toEqual([]);
    step = stepDrain(step.state, { fact: "moved", uuid: "uuid-2" }, around);
    expect(step.effects).toEqual([{ effect: "finish" }]);
    expect(phases(step.state)).toEqual({ "1": "left", "2": "moved", "3": "left" });
  });
});
