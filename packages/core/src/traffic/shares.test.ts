import fc from "fast-check";
import { type Flow, sharesOf } from "./shares.ts";

const MIB = 2n ** 20n;

function flow(id: string, link: string, wants = 0n): Flow {
  return { id, link, wants };
}

const flows = fc
  .array(
    fc.record({
      link: fc.constantFrom("b", "c", "d"),
      wants: fc.oneof(fc.constant(0n), fc.bigInt(1n, 1000n)),
    }),
    { maxLength: 12 },
  )
  .map((all) => all.map((f, i) => flow(`f${i}`, f.link, f.wants)));
/** Never so small that a share would be less than a byte a second. */
const budget = fc.oneof(fc.constant(0n), fc.bigInt(100n, 5_000n));

const total = (all: readonly Flow[], shares: ReadonlyMap<string, bigint>): bigint =>
  all.reduce((sum, f) => sum + (shares.get(f.id) ?? 0n), 0n);

describe("the shares of a bandwidth", () => {
  it("are the same for all when nobody wants less", () => {
    expect(
      Object.fromEntries(
        sharesOf([flow("1", "b"), flow("2", "b"), flow("3", "c")], { host: 90n * MIB, link: 0n }),
      ),
    ).toEqual({
      "1": 30n * MIB,
      "2": 30n * MIB,
      "3": 30n * MIB,
    });
  });

  it("give what one does not want, or its link cannot carry, to the others", () => {
    const all = [flow("1", "b", 10n), flow("2", "b"), flow("3", "c"), flow("4", "c")];
    expect(Object.fromEntries(sharesOf(all, { host: 200n, link: 80n }))).toEqual({
      "1": 10n,
      "2": 70n,
      "3": 40n,
      "4": 40n,
    });
  });

  it("are no limit where there is none", () => {
    expect(
      Object.fromEntries(sharesOf([flow("1", "b"), flow("2", "b", 7n)], { host: 0n, link: 0n })),
    ).toEqual({ "1": 0n, "2": 7n });
  });

  it("never add up to more than a budget, on the host or on a link, and nobody gets more than it wants", () => {
    fc.assert(
      fc.property(flows, budget, budget, (all, host, link) => {
        const shares = sharesOf(all, { host, link });
        if (host > 0n) expect(total(all, shares)).toBeLessThanOrEqual(host);
        for (const name of ["b", "c", "d"]) {
          if (link > 0n)
            expect(
              total(
                all.filter((f) => f.link === name),
                shares,
              ),
            ).toBeLessThanOrEqual(link);
        }
        for (const f of all) if (f.wants > 0n) expect(shares.get(f.id)).toBeLessThanOrEqual(f.wants);
      }),
    );
  });

  it("are fair: who has less than another has all that it wants, or a full link", () => {
    fc.assert(
      fc.property(flows, budget, budget, (all, host, link) => {
        const shares = sharesOf(all, { host, link });
        const of = (f: Flow): bigint => shares.get(f.id) ?? 0n;
        for (const poor of all.filter((f) => of(f) > 0n)) {
          const richer = all.filter((f) => of(f) > of(poor) + 1n);
          if (richer.length === 0) continue;
          const mates = all.filter((f) => f.link === poor.link);
          const linkIsFull =
            link > 0n &&
            total(mates, shares) + BigInt(mates.length) > link &&
            mates.every((m) => of(m) <= of(poor) + 1n);
          expect({ poor, satisfied: of(poor) === poor.wants || linkIsFull }).toMatchObject({
            satisfied: true,
          });
        }
      }),
    );
  });
});
