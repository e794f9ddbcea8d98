import fc from "fast-check";
import {
  EMPTY_LINE,
  leave,
  letIn,
  type Line,
  lineUp,
  PRIORITY_STEP_MS,
  rankOf,
  standingIn,
  type Ticket,
  usedOf,
} from "./line.ts";

const LIMITS: Record<string, number> = { out: 3, "to b": 2, "to c": 1 };
const places = (lane: string): number => LIMITS[lane] ?? 1;

function ticket(id: string, to: string, rank: number): Ticket {
  return { id, lanes: ["out", `to ${to}`], rank };
}

function lineOf(...tickets: readonly Ticket[]): Line {
  return tickets.reduce(lineUp, EMPTY_LINE);
}

/** Arrivals, ends and people who give up, in any order. */
const moves = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        move: fc.constant("come" as const),
        to: fc.constantFrom("b", "c"),
        priority: fc.integer({ min: -10, max: 10 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ move: fc.constantFrom("end" as const, "giveUp" as const), pick: fc.nat(50) }),
    },
  ),
  { maxLength: 120, size: "max" },
);

type Move =
  | { readonly move: "come"; readonly to: string; readonly priority: number }
  | { readonly move: "end" | "giveUp"; readonly pick: number };

/** Plays moves and shows the line after each, with who entered. */
function play(
  all: readonly Move[],
  see: (line: Line, entered: readonly Ticket[], before: Line) => void,
): Line {
  let line = EMPTY_LINE;
  all.forEach((m, at) => {
    if (m.move === "come") line = lineUp(line, ticket(`t${at}`, m.to, rankOf(at * 1000, m.priority)));
    else {
      const from = m.move === "end" ? line.inside : line.waiting;
      const gone = from[m.pick % Math.max(1, from.length)];
      if (gone !== undefined) line = leave(line, gone.id);
    }
    const before = line;
    const now = letIn(line, places);
    line = now.line;
    see(line, now.entered, before);
  });
  return line;
}

describe("the line before the migrations of a host", () => {
  it("never lets more into a lane than it has places", () => {
    fc.assert(
      fc.property(moves, (all) => {
        play(all, (line) => {
          for (const [lane, limit] of Object.entries(LIMITS))
            expect(usedOf(line, lane)).toBeLessThanOrEqual(limit);
        });
      }),
    );
  });

  it("lets nobody in before one of a better rank that needs the same lanes", () => {
    fc.assert(
      fc.property(moves, (all) => {
        play(all, (line, entered) => {
          for (const one of entered) {
            const passed = line.waiting.filter(
              (w) => w.rank < one.rank && w.lanes.join() === one.lanes.join(),
            );
            expect(passed).toEqual([]);
          }
        });
      }),
    );
  });

  it("leaves no place free that somebody waits for", () => {
    fc.assert(
      fc.property(moves, (all) => {
        play(all, (line) => {
          for (const waiter of line.waiting)
            expect(waiter.lanes.some((lane) => usedOf(line, lane) >= places(lane))).toBe(true);
        });
      }),
    );
  });

  it("lets the first of the line in at the latest when all that were inside before it have left", () => {
    fc.assert(
      fc.property(moves, moves, (before, after) => {
        let line = play(before, () => undefined);
        const [first] = line.waiting;
        if (first === undefined) return;
        const old = line.inside.map((t) => t.id);
        // Others come all the time, none with a better rank, and those of before leave one after the other.
        after.forEach((m, at) => {
          if (m.move === "come") line = lineUp(line, ticket(`late${at}`, m.to, first.rank + 1 + at));
          const leaving = m.move === "come" ? undefined : old.shift();
          if (leaving !== undefined) line = leave(line, leaving);
          ({ line } = letIn(line, places));
        });
        for (const id of old) ({ line } = letIn(leave(line, id), places));
        expect(line.inside.map((t) => t.id)).toContain(first.id);
      }),
    );
  });

  it("loses nobody and lets nobody in twice", () => {
    fc.assert(
      fc.property(moves, (all) => {
        play(all, (line, _entered, before) => {
          const ids = (of: Line): string[] => [...of.waiting, ...of.inside].map((t) => t.id).toSorted();
          expect(ids(line)).toEqual(ids(before));
          expect(new Set(ids(line)).size).toBe(ids(line).length);
        });
      }),
    );
  });

  it("takes a step of priority for ten minutes of waiting, and no more", () => {
    const old = { id: "old", lanes: ["out"], rank: rankOf(0, 0) };
    const urgent = { id: "urgent", lanes: ["out"], rank: rankOf(PRIORITY_STEP_MS - 1, 1) };
    const late = { id: "late", lanes: ["out"], rank: rankOf(PRIORITY_STEP_MS + 1, 1) };
    expect(lineOf(late, old, urgent).waiting.map((t) => t.id)).toEqual(["urgent", "old", "late"]);
  });

  it("says which place one has, and which lanes are full", () => {
    const { line } = letIn(
      lineOf(ticket("1", "c", 1), ticket("2", "c", 2), ticket("3", "b", 3), ticket("4", "c", 4)),
      places,
    );
    expect(line.inside.map((t) => t.id)).toEqual(["1", "3"]);
    expect(standingIn(line, "4", places)).toEqual({ place: 2, waiting: 2, full: ["to c"] });
    expect(standingIn(line, "1", places)).toBeUndefined();
  });
});
