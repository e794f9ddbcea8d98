import fc from "fast-check";
import { stepSource } from "./source.ts";
import { destroy, strike } from "./world/strike.ts";
import { World } from "./world/world.ts";

function play(
  world: World,
  choices: readonly { readonly pick: number; readonly fault: number | undefined }[],
): void {
  for (const { pick, fault } of choices) {
    if (fault !== undefined) strike(world, fault);
    world.tick(pick);
  }
  world.heal();
  for (let i = 0; i < 2_000 && world.tick(i * 7); i++);
}

const step = (fault: fc.Arbitrary<number | undefined>) => fc.record({ pick: fc.nat(20), fault });

/** Everything but what only a post-copy, or a server that loses a write, has to fear. */
const FAULTS = fc.oneof({ weight: 12, arbitrary: fc.nat(11) }, { weight: 1, arbitrary: fc.constant(15) });

/** An undisturbed beginning of any length, so that faults meet every phase, then a rough rest. */
const choices = fc
  .tuple(
    fc.array(step(fc.constant(undefined)), { maxLength: 40, size: "max" }),
    fc.array(step(fc.option(FAULTS, { nil: undefined, freq: 2 })), { maxLength: 40, size: "max" }),
  )
  .map(([calm, rough]) => [...calm, ...rough]);

describe("the hand-over of a guest", () => {
  it("moves the guest when nothing goes wrong, in whatever order things happen", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(20), { maxLength: 80 }),
        fc.constantFrom([], ["vda"], ["vda", "vdb"]),
        (picks, disks) => {
          const world = new World(disks);
          play(
            world,
            picks.map((pick) => ({ pick, fault: undefined })),
          );
          expect(world.source?.phase).toBe("completed");
          expect(world.destination?.phase).toBe("running");
          expect([world.runsOnSource, world.runsOnDestination]).toEqual([false, true]);
        },
      ),
    );
  });

  it("never runs the guest twice or on a half copy, whatever is killed, lost or late", () => {
    fc.assert(
      fc.property(choices, fc.constantFrom([], ["vda"], ["vda", "vdb"]), (steps, disks) => {
        play(new World(disks), steps);
      }),
      { numRuns: 5_000 },
    );
  });

  it("ends by itself once the surviving parts can reach each other, and the guest runs somewhere unless its process died", () => {
    fc.assert(
      fc.property(choices, fc.constantFrom([], ["vda"], ["vda", "vdb"]), (steps, disks) => {
        const world = new World(disks);
        play(world, steps);
        expect(["completed", "failed", "cancelled"]).toContain(world.source?.phase);
        expect([undefined, "running", "discarded"]).toContain(world.destination?.phase);
        if (world.sourceProcess && !world.crashedThere)
          expect(world.runsOnSource || world.runsOnDestination).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });

  const POSTCOPY = fc.constantFrom({ afterPasses: 1 });
  /** All faults, and the connection of a post-copy that breaks, a user who has it mended, a source without power, one that does not let it go on at first. */
  const withLinks = fc
    .tuple(
      fc.array(step(fc.constant(undefined)), { maxLength: 40, size: "max" }),
      fc.array(step(fc.option(fc.nat(15), { nil: undefined, freq: 2 })), { maxLength: 40, size: "max" }),
    )
    .map(([calm, rough]) => [...calm, ...rough]);
  const ANY_DISKS = fc.constantFrom<string[][]>([], ["vda"], ["vda", "vdb"]);

  it("switches to post-copy after as many passes as were allowed, and moves the guest in whatever order things happen", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 80 }), ANY_DISKS, POSTCOPY, (picks, disks, postcopy) => {
        const world = new World(disks, stepSource, postcopy);
        play(
          world,
          picks.map((pick) => ({ pick, fault: undefined })),
        );
        expect([world.source?.phase, world.destination?.phase]).toEqual(["completed", "running"]);
        expect(world.sourceJournal).toContain("committed");
        expect([world.runsOnSource, world.runsOnDestination]).toEqual([false, true]);
      }),
    );
  });

  it("with post-copy never runs the guest twice, on a half copy or without the rest of its memory to be had", () => {
    fc.assert(
      fc.property(withLinks, ANY_DISKS, POSTCOPY, (steps, disks, postcopy) => {
        play(new World(disks, stepSource, postcopy), steps);
      }),
      { numRuns: 5_000 },
    );
  });

  it("with post-copy ends by itself through broken links and restarted agents, and only the death of a process costs the guest", () => {
    fc.assert(
      fc.property(withLinks, ANY_DISKS, POSTCOPY, (steps, disks, postcopy) => {
        const world = new World(disks, stepSource, postcopy);
        play(world, steps);
        expect(["completed", "failed", "cancelled"]).toContain(world.source?.phase);
        expect([undefined, "running", "discarded"]).toContain(world.destination?.phase);
        if (world.sourceProcess && !world.crashedThere)
          expect(world.runsOnSource || world.runsOnDestination).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });

  it("says that the guest is lost when its memory was nowhere whole, also when it is started again meanwhile", () => {
    fc.assert(
      fc.property(withLinks, ANY_DISKS, POSTCOPY, (steps, disks, postcopy) => {
        const world = new World(disks, stepSource, postcopy);
        play(world, steps);
        fc.pre(world.memory === "flowing" || world.memory === "broken");
        expect([world.runsOnSource, world.runsOnDestination]).toEqual([false, false]);
        expect(world.source).toMatchObject({ phase: "failed", cause: { reason: "GUEST_LOST" } });
      }),
      { numRuns: 1_000 },
    );
  });

  it("leaves a guest that was destroyed on its way dead, whatever happens then", () => {
    fc.assert(
      fc.property(choices, fc.nat(60), fc.constantFrom([], ["vda"]), (steps, calm, disks) => {
        const world = new World(disks);
        for (let i = 0; i < calm; i++) world.tick(i);
        fc.pre(destroy(world));
        play(world, steps);
        expect([world.runsOnSource, world.runsOnDestination]).toEqual([false, false]);
        expect(["failed", "cancelled"]).toContain(world.source?.phase);
      }),
      { numRuns: 3_000 },
    );
  });

  it("is checked by a world that catches a source which goes back when the answer of the record was lost", () => {
    const eager: typeof stepSource = (state, fact) =>
      stepSource(
        state,
        state.phase === "deciding" && fact.fact === "recordUnknown" ? { fact: "recordSource" } : fact,
      );
    const claim = fc.property(choices, (steps) => play(new World(["vda"], eager), steps));
    expect(String(fc.check(claim, { numRuns: 20_000 }).errorInstance)).toMatch(/runs twice/);
  });

  it("is checked by a world that catches a post-copy whose device state goes before the destination has accepted it", () => {
    const hasty: typeof stepSource = (state, fact) => {
      const step = stepSource(state, fact);
      return step.state.phase === "resuming" && state.phase === "deciding"
        ? { ...step, effects: [...step.effects, { effect: "continueSwitchover" }] }
        : step;
    };
    const claim = fc.property(withLinks, POSTCOPY, (steps, postcopy) => {
      const world = new World(["vda"], hasty, postcopy);
      play(world, steps);
      if (world.sourceProcess && !world.crashedThere)
        expect(world.runsOnSource || world.runsOnDestination).toBe(true);
    });
    expect(fc.check(claim, { numRuns: 20_000 }).failed).toBe(true);
  });

  it("is checked by a world that catches a source which says that a guest is home that was not let go on", () => {
    const trusting: typeof stepSource = (state, fact) =>
      stepSource(state, fact.fact === "commandFailed" ? { fact: "rolledBack" } : fact);
    const claim = fc.property(choices, (steps) => {
      const world = new World(["vda"], trusting);
      play(world, steps);
      if (world.sourceProcess && !world.crashedThere)
        expect(world.runsOnSource || world.runsOnDestination).toBe(true);
    });
    expect(fc.check(claim, { numRuns: 20_000 }).failed).toBe(true);
  });

  it("is checked by a world that catches a source which takes READY for a copy", () => {
    const trusting: typeof stepSource = (state, fact) => {
      const step = stepSource(state, fact);
      return step.state.phase === "switching" && state.phase === "sending"
        ? step.state.disks.reduce((s, disk) => stepSource(s.state, { fact: "mirrorConcluded", disk }), step)
        : step;
    };
    const claim = fc.property(choices, (steps) => play(new World(["vda"], trusting), steps));
    expect(String(fc.check(claim, { numRuns: 20_000 }).errorInstance)).toMatch(/half copy/);
  });
});
