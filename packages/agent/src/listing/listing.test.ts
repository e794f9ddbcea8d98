import fc from "fast-check";
import type { Listing } from "./page.ts";
import { pageOf } from "./page.ts";
import { compileFilter } from "./filter.ts";

interface Thing {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly memory: bigint;
  readonly persistent: boolean;
}

const LISTING: Listing<Thing> = {
  fields: {
    name: { kind: "text", read: (t) => t.name },
    domain: { kind: "text", read: (t) => [t.name, t.id] },
    state: { kind: "text", read: (t) => t.state },
    memory_bytes: { kind: "number", read: (t) => t.memory },
    persistent: { kind: "boolean", read: (t) => t.persistent },
  },
  keyOf: (t) => t.id,
  defaultOrder: "name",
  defaultSize: 3,
  maxSize: 5,
};

const thing = (name: string, more: Partial<Thing> = {}): Thing => ({
  id: `id-${name}`,
  name,
  state: "running",
  memory: 1024n,
  persistent: true,
  ...more,
});

const ALL = [
  thing("web-2", { memory: 4096n }),
  thing("db", { state: "shutoff", persistent: false }),
  thing("web-1", { state: "paused" }),
  thing("web-10", { memory: 1n << 60n }),
];

const request = { pageSize: 0, pageToken: "", filter: "", orderBy: "" };

function names(filter: string): string[] {
  return ALL.filter(compileFilter(filter, LISTING.fields)).map((t) => t.name);
}

describe("filters", () => {
  it.each([
    ["", ["web-2", "db", "web-1", "web-10"]],
    ['state = "running"', ["web-2", "web-10"]],
    ["state = running AND persistent = true", ["web-2", "web-10"]],
    ["state = running persistent = true", ["web-2", "web-10"]],
    ['name : "web-*"', ["web-2", "web-1", "web-10"]],
    ['name = "*-1"', ["web-1"]],
    ["name = 'w*b*1'", ["web-1"]],
    ["name : eb-1", ["web-1", "web-10"]],
    ["name != db", ["web-2", "web-1", "web-10"]],
    ["persistent != true", ["db"]],
    ["memory_bytes > 1024", ["web-2", "web-10"]],
    ["memory_bytes <= 1024", ["db", "web-1"]],
    ["memory_bytes = 1152921504606846976", ["web-10"]],
    ["domain = id-db", ["db"]],
    ["domain = db", ["db"]],
    ['name = "a \\"b\\""', []],
  ])("%s", (filter, expected) => {
    expect(names(filter)).toEqual(expected);
  });

  it.each([
    ["color = red", 'there is no field "color"'],
    ["state running", 'after "state" an operator must follow'],
    ["state =", "a value must follow, not the end"],
    ["state = a OR state = b", "OR at character 11 is not supported"],
    ["NOT state = a", "NOT at character 1 is not supported"],
    ["AND state = a", "has nothing before it"],
    ['state = "a', "a quote that does not end"],
    ["(state = a)", '"(", which is not supported'],
    ["state < running", "has no order"],
    ["memory_bytes = big", "is a whole number"],
    ["persistent = yes", "is true or false"],
    ["persistent > true", "cannot be compared"],
  ])("%s is refused saying: %s", (filter, said) => {
    expect(() => names(filter)).toThrow(expect.objectContaining({ reason: "INVALID_FILTER" }));
    expect(() => names(filter)).toThrow(said);
  });

  it("never fail in another way than saying what is wrong", () => {
    fc.assert(
      fc.property(fc.string(), (filter) => {
        try {
          names(filter);
        } catch (e) {
          expect(e).toMatchObject({ reason: "INVALID_FILTER" });
        }
      }),
    );
  });
});

describe("pages", () => {
  const read = (more: Partial<typeof request>, all: readonly Thing[] = ALL) =>
    pageOf(all, { ...request, ...more }, LISTING);

  it("are ordered as asked, and by the key among equals", () => {
    expect(read({ pageSize: 5 }).items.map((t) => t.name)).toEqual(["db", "web-1", "web-10", "web-2"]);
    expect(read({ orderBy: "state desc, name", pageSize: 5 }).items.map((t) => t.name)).toEqual([
      "db",
      "web-10",
      "web-2",
      "web-1",
    ]);
    expect(read({ orderBy: "memory_bytes desc", pageSize: 2 }).items.map((t) => t.name)).toEqual([
      "web-10",
      "web-2",
    ]);
  });

  it("say precisely what is wrong with an order", () => {
    expect(() => read({ orderBy: "color" })).toThrow('there is no field "color" to order by');
    expect(() => read({ orderBy: "name down" })).toThrow('only "desc" or "asc"');
  });

  it("have the default size, and at most the largest one", () => {
    expect(read({}).items).toHaveLength(3);
    const many = Array.from({ length: 9 }, (_, i) => thing(`t${i}`));
    expect(read({ pageSize: 1000 }, many).items).toHaveLength(5);
    expect(() => read({ pageSize: -1 })).toThrow("must not be negative");
  });

  it("give every item once, whatever comes and goes between them", () => {
    const first = read({ pageSize: 2 });
    expect(first.items.map((t) => t.name)).toEqual(["db", "web-1"]);
    const later = [...ALL.filter((t) => t.name !== "web-1"), thing("aaa"), thing("web-11")];
    const second = read({ pageSize: 5, pageToken: first.nextPageToken }, later);
    expect(second.items.map((t) => t.name)).toEqual(["web-10", "web-11", "web-2"]);
    expect(second.nextPageToken).toBe("");
  });

  it("put together are the whole list, for any order and page size", () => {
    const things = fc.uniqueArray(
      fc.record({
        id: fc.uuid(),
        name: fc.constantFrom("a", "b", "c"),
        state: fc.constantFrom("running", "shutoff"),
        memory: fc.bigInt(0n, (1n << 64n) - 1n),
        persistent: fc.boolean(),
      }),
      { selector: (t) => t.id, maxLength: 20 },
    );
    const orders = fc.constantFrom(
      "",
      "memory_bytes desc",
      "state, name desc",
      "persistent desc,memory_bytes",
    );
    fc.assert(
      fc.property(things, orders, fc.integer({ min: 1, max: 5 }), (all, orderBy, pageSize) => {
        const seen: string[] = [];
        let pageToken = "";
        do {
          const page = read({ orderBy, pageSize, pageToken }, all);
          seen.push(...page.items.map((t) => t.id));
          pageToken = page.nextPageToken;
        } while (pageToken !== "");
        expect(seen).toHaveLength(all.length);
        expect(new Set(seen)).toEqual(new Set(all.map((t) => t.id)));
      }),
    );
  });

  it("refuse a token that was made up, or that belongs to another list", () => {
    const { nextPageToken: pageToken } = read({ pageSize: 1 });
    expect(() => read({ pageToken: "nonsense" })).toThrow(
      expect.objectContaining({ reason: "INVALID_PAGE_TOKEN" }),
    );
    expect(() => read({ pageToken, orderBy: "state" })).toThrow("another filter or order");
    expect(() => read({ pageToken, filter: "name : web" })).toThrow("another filter or order");
  });
});
