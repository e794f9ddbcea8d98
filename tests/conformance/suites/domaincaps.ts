import {
  formatDomainCapabilities,
  parseDomainCapabilities,
} from "@virtmesh/documents/domain-capabilities/document";
import { rewritten } from "../rewritten.ts";
import { schemaDocuments } from "../schema-documents.ts";
import type { Suite } from "../suite.ts";

export const domainCapabilities: Suite = {
  name: "domaincaps",
  about: "what guests may have on a host: read and written again",
  goal: 98,
  cases: (corpus) =>
    schemaDocuments(corpus)
      .filter((document) => document.schema === "domaincaps" && !document.isInvalid)
      .map(({ path, xml }) => ({
        name: path,
        run: () => rewritten(xml, formatDomainCapabilities(parseDomainCapabilities(xml)), "domaincaps"),
      })),
};
