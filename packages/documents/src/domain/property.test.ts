import { VirtError } from "@virtmesh/core/errors";
import fc from "fast-check";
import { document } from "../schema/document.ts";
import { madeUpXml } from "../testing/made-up-xml.ts";
import { writeXml } from "../xml/write.ts";
import { parseDomain } from "./document.ts";
import { domainSchema } from "./model.ts";

const domains = document("domain", domainSchema);
const NAMESPACES = ["qemu", "lxc", "bhyve", "xen", "vmware"].map((prefix) => ({
  name: `xmlns:${prefix}`,
  value: `http://libvirt.org/schemas/domain/${prefix}/1.0`,
}));

/** Making up a text of a shape takes long. */
const pools = new Map<string, readonly string[]>();

function textsOf(shape: RegExp): readonly string[] {
  const pool = pools.get(shape.source) ?? fc.sample(fc.stringMatching(shape), { numRuns: 50, seed: 1 });
  pools.set(shape.source, pool);
  return pool;
}

const documents = fc.nat().map((seed) => {
  const tree = madeUpXml("domain", domainSchema, seed, textsOf);
  return writeXml({ ...tree, attributes: [...tree.attributes, ...NAMESPACES] });
});

describe("any definition that the model describes", () => {
  it("is read, and is the same after it was written and read", () => {
    fc.assert(
      fc.property(documents, (xml) => {
        const definition = domains.parse(xml);
        const written = domains.format(definition);
        expect(domains.parse(written)).toEqual(definition);
        expect(domains.format(domains.parse(written))).toBe(written);
      }),
      { numRuns: 150 },
    );
  });

  it("is checked without any other error than a refusal", () => {
    fc.assert(
      fc.property(documents, (xml) => {
        try {
          parseDomain(xml);
        } catch (e) {
          expect(VirtError.is(e) && e.reason).toMatch(/^(XML_INVALID|INVALID_NAME)$/);
        }
      }),
      { numRuns: 100 },
    );
  });
});
