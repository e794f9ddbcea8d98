import { formatCapabilities, parseCapabilities } from "@virtmesh/documents/capabilities/document";
import type { Order } from "../canonical.ts";
import { rewritten } from "../rewritten.ts";
import { schemaDocuments } from "../schema-documents.ts";
import type { Suite } from "../suite.ts";

export const capabilities: Suite = {
  name: "capabilities",
  about: "what hosts are and can run: read and written again",
  goal: 98,
  cases: (corpus) =>
    schemaDocuments(corpus)
      .filter((document) => document.schema === "capability" && !document.isInvalid)
      .map(({ path, xml }) => ({
        name: path,
        run: () => rewritten(xml, formatCapabilities(parseCapabilities(xml)), "capability", orderOf(path)),
      })),
};

/** Documents made by hand for the schema are not in libvirt's order; all others are what libvirt wrote. */
function orderOf(path: string): Order {
  return path.includes("schemadata/") ? "free" : "counts";
}
