import fc from "fast-check";
import { comparePlaces, parseOrder, type Place, type Term } from "./order.ts";
import {
  fingerprint,
  type HostPage,
  mergePages,
  type Position,
  readPosition,
  START,
  writePosition,
} from "./merge.ts";

interface Item {
  readonly name: string;
  readonly uuid: string;
  readonly uri: string;
}

const BY_NAME: readonly Term[] = [{ field: "name", descending: false }];
const placeOf = (item: Item): Place => ({ values: [item.name], key: item.uuid, uri: item.uri });
const inOrder = (a: Item, b: Item): number => comparePlaces(placeOf(a), placeOf(b), BY_NAME);

/** One agent's list, as agents page: the token is where the page before ended. */
function hostPage(all: readonly Item[], uri: string, token: string, size: number): HostPage<Item> {
  const from = token === "" ? 0 : Number(token);
  const own = all.filter((item) => item.uri === uri).sort(inOrder);
  const items = own.slice(from, from + size);
  return { uri, items, nextToken: from + size < own.length ? String(from + size) : "" };
}

describe("a list over hosts", () => {
  it("gives everything once and in order, whatever the pages and however few a host gives at a time", () => {
    const items = fc.array(
      fc.record({
        name: fc.constantFrom("a", "b", "c", "d", "e"),
        uuid: fc.uuid(),
        uri: fc.constantFrom("test://x/default", "test://y/default", "test://z/default"),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(
        items,
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 1, max: 10 }),
        (all, size, hostMax) => {
          const uris = [...new Set(all.map((item) => item.uri))];
          const given: Item[] = [];
          let position: Position | undefined = START;
          for (let rounds = 0; position !== undefined; rounds++) {
            if (rounds > 500) throw new Error("the list does not come to an end");
            const { tokens }: Position = position;
            const pages: HostPage<Item>[] = uris.map((uri) =>
              hostPage(all, uri, tokens[uri] ?? "", Math.min(size, hostMax)),
            );
            const page: ReturnType<typeof mergePages<Item>> = mergePages(
              pages,
              position,
              size,
              BY_NAME,
              placeOf,
            );
            expect(page.items.length).toBeLessThanOrEqual(size);
            given.push(...page.items);
            position = page.next && readPosition(writePosition(page.next, "q"), "q", 1);
          }
          expect(given).toEqual([...all].sort(inOrder));
        },
      ),
    );
  });

  it("does not repeat or hide guests when others come and go between two pages", () => {
    const item = (name: string): Item => ({ name, uuid: name, uri: "test://x/default" });
    const first = mergePages(
      [{ uri: "test://x/default", items: ["a", "b", "c"].map(item), nextToken: "" }],
      START,
      2,
      BY_NAME,
      placeOf,
    );
    expect(first.items.map((i) => i.name)).toEqual(["a", "b"]);
    const later = [{ uri: "test://x/default", items: ["aa", "c", "d"].map(item), nextToken: "" }];
    const second = mergePages(later, first.next ?? START, 2, BY_NAME, placeOf);
    expect(second.items.map((i) => i.name)).toEqual(["c", "d"]);
    expect(second.next).toBeUndefined();
  });

  it("refuses a token of another list", () => {
    const token = writePosition(
      { last: { values: [3n], key: "k", uri: "u" }, tokens: {} },
      fingerprint("qemu://*/system", "", ""),
    );
    expect(() => readPosition(token, fingerprint("test://*/default", "", ""), 1)).toThrow(
      "belongs to another pattern",
    );
    expect(() => readPosition("nonsense", "q", 1)).toThrow("is not one that this list gave out");
  });

  it("keeps big numbers in a token exact", () => {
    const last = { values: [2n ** 63n, true, "x"], key: "k", uri: "u" };
    expect(readPosition(writePosition({ last, tokens: { u: "t" } }, "q"), "q", 3)).toEqual({
      last,
      tokens: { u: "t" },
    });
  });
});

describe("an order", () => {
  it("is by name unless told, and then by UUID and host", () => {
    expect(parseOrder("")).toEqual([{ field: "name", descending: false }]);
    expect(parseOrder("memory_bytes desc, name")).toEqual([
      { field: "memory_bytes", descending: true },
      { field: "name", descending: false },
    ]);
  });

  it("names the fields there are when it does not know one", () => {
    expect(() => parseOrder("size")).toThrow(
      'there is no field "size" to order by, there are name, uuid, state',
    );
    expect(() => parseOrder("name downwards")).toThrow('only "desc" or "asc" may stand');
  });
});
