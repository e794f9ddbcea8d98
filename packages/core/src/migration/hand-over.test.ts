import fc from "fast-check";
import { World } from "./hand-over-world.ts";
import { stepSource } from "./source.ts";

function play(
  world: World,
  choices: readonly { readonly pick: number; readonly fault: number | undefined }[],
): void {
  for (const { pick, fault } of choices) {
    if (fault !== undefined) world.fault(fault);
    world.tick(pick);
  }
  world.heal();
  for (let i = 0; i < 2_000 && world.tick(i * 7); i++);
}

const step = (fault: fc.Arbitrary<number | undefined>) => fc.record({ pick: fc.nat(20), fault });

/** An undisturbed beginning of any length, so that faults meet every phase, then a rough rest. */
const choices = fc
  .tuple(
    fc.array(step(fc.constant(undefined)), { maxLength: 40, size: "max" }),
    fc.array(step(fc.option(fc.nat(10), { nil: undefined, freq: 2 })), { maxLength: 40, size: "max" }),
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

  it("leaves a guest that was destroyed on its way dead, whatever happens then", () => {
    fc.assert(
      fc.property(choices, fc.nat(60), fc.constantFrom([], ["vda"]), (steps, calm, disks) => {
        const world = new World(disks);
        for (let i = 0; i < calm; i++) world.tick(i);
        fc.pre(world.destroy());
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
