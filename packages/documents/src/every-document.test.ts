import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import { repositoryRoot } from "@virtmesh/lab/repository";
import fc from "fast-check";
import { document } from "./schema/document.ts";
import { KINDS } from "./testing/kinds.ts";
import { madeUpXml } from "./testing/made-up-xml.ts";
import { readXml, XML_LIMITS } from "./xml/read.ts";
import { writeXml } from "./xml/write.ts";

/** Making up a text of a shape takes long. */
const pools = new Map<string, readonly string[]>();

function textsOf(shape: RegExp): readonly string[] {
  const pool = pools.get(shape.source) ?? fc.sample(fc.stringMatching(shape), { numRuns: 20, seed: 1 });
  pools.set(shape.source, pool);
  return pool;
}

const PREFIXES = ["qemu", "lxc", "bhyve", "xen", "vmware", "dnsmasq", "fs", "rbd"];
const NAMESPACES: Readonly<Record<string, string>> = {
  dnsmasq: "http://libvirt.org/schemas/network/dnsmasq/1.0",
  fs: "http://libvirt.org/schemas/storagepool/fs/1.0",
  rbd: "http://libvirt.org/schemas/storagepool/rbd/1.0",
};
const DECLARATIONS = PREFIXES.map((prefix) => ({
  name: `xmlns:${prefix}`,
  value: NAMESPACES[prefix] ?? `http://libvirt.org/schemas/domain/${prefix}/1.0`,
}));

function madeUp({ root, schema }: (typeof KINDS)[number], seed: number): string {
  const tree = madeUpXml(root, schema, seed, textsOf);
  return writeXml({ ...tree, attributes: [...tree.attributes, ...DECLARATIONS] });
}

/** Whether it is read, or refused as everything must be refused: with an error of ours that says why. */
function isJudged(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (e) {
    return VirtError.is(e) && /^(XML_|INVALID_NAME$)/.test(e.reason);
  }
}

describe("a document of any kind", () => {
  it.each(KINDS)("such as <$root> is the same after it was written and read", (kind) => {
    const documents = document(kind.root, kind.schema);
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const value = documents.parse(madeUp(kind, seed));
        const written = documents.format(value);
        expect(documents.parse(written)).toEqual(value);
        expect(documents.format(documents.parse(written))).toBe(written);
      }),
      { numRuns: 25 },
    );
  });

  it.each(KINDS)("such as <$root> is accepted or refused by its checks, never anything else", (kind) => {
    fc.assert(
      fc.property(fc.nat(), (seed) => isJudged(() => kind.parse(madeUp(kind, seed)))),
      { numRuns: 25 },
    );
  });
});

/** What XML is made of, and what it must not have. */
const TOKENS = [
  ...["<", "</", ">", "/>", "<a", "<domain", "<disk>", "='", "'", '"', "&", ";", "&amp;", "&#x41;", "&#0;"],
  ...["&#xffffffffff;", "<!--", "-->", "--", "<![CDATA[", "]]>", "<?xml", "?>", "<!DOCTYPE", "[", "]", "%"],
  ...[" ", "\n", "\t", "\0", "\ufeff", "\ud800", "é", "漢", "xmlns", ":", "xmlns:a='b'", "xml:lang", "type"],
];

describe("hostile input", () => {
  const kind = fc.constantFrom(...KINDS);

  it("of any bytes is refused with a reason", () => {
    const bytes = fc.uint8Array({ maxLength: 2000 }).map((b) => Buffer.from(b));
    fc.assert(
      fc.property(
        bytes,
        kind,
        (b, { parse }) =>
          isJudged(() => parse(b.toString("utf8"))) && isJudged(() => parse(b.toString("latin1"))),
      ),
      { numRuns: 300 },
    );
  });

  it("of pieces of XML in any order is refused with a reason", () => {
    const soup = fc.array(fc.constantFrom(...TOKENS), { maxLength: 60 }).map((tokens) => tokens.join(""));
    fc.assert(
      fc.property(soup, kind, (xml, { parse }) => isJudged(() => parse(xml))),
      { numRuns: 500 },
    );
  });

  it("that is a document with something wrong in it is read or refused with a reason", () => {
    const splice = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      remove: fc.nat(20),
      insert: fc.oneof(fc.constantFrom(...TOKENS), fc.string({ unit: "binary", maxLength: 5 })),
    });
    fc.assert(
      fc.property(kind, fc.nat(), fc.array(splice, { minLength: 1, maxLength: 4 }), (one, seed, splices) => {
        const damaged = splices.reduce(
          (xml, { at, remove, insert }) => {
            const from = Math.floor(at * xml.length);
            return xml.slice(0, from) + insert + xml.slice(from + remove);
          },
          madeUp(one, seed),
        );
        return isJudged(() => one.parse(damaged));
      }),
      { numRuns: 300 },
    );
  });
});

describe("the bounds of a document", () => {
  const many = (n: number, text: (i: number) => string): string =>
    Array.from({ length: n }, (_, i) => text(i)).join("");
  const { characters, depth, elements, attributesPerElement } = XML_LIMITS;

  it.each([
    ["elements", `<a>${many(elements - 1, () => "<b/>")}</a>`, `<a>${many(elements, () => "<b/>")}</a>`],
    [
      "levels",
      `${"<a>".repeat(depth)}${"</a>".repeat(depth)}`,
      `${"<a>".repeat(depth + 1)}${"</a>".repeat(depth + 1)}`,
    ],
    [
      "attributes",
      `<a ${many(attributesPerElement, (i) => `a${i}='' `)}/>`,
      `<a ${many(attributesPerElement + 1, (i) => `a${i}='' `)}/>`,
    ],
    ["characters", `<a>${"x".repeat(characters - 7)}</a>`, `<a>${"x".repeat(characters - 6)}</a>`],
  ])("let in the last of the %s and keep out the next", (_, last, next) => {
    expect(readXml(last).name).toBe("a");
    expect(isJudged(() => readXml(next))).toBe(true);
    expect(() => readXml(next)).toThrow(/at most|more than|deeper than/);
  });

  it("keep the largest documents of all in little memory", () => {
    const program = join(repositoryRoot(), "packages/documents/src/testing/worst-documents.ts");
    const { stdout, stderr, status } = spawnSync(process.execPath, ["--max-old-space-size=96", program], {
      encoding: "utf8",
      timeout: 25_000,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^(\w+ (read|XML_\w+|INVALID_NAME)\n)+$/);
  });
});
