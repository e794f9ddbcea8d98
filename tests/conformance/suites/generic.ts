import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import { completeGenericDomain } from "@virtmesh/documents/domain/semantics/generic";
import { rewritten } from "../rewritten.ts";
import type { Suite } from "../suite.ts";
import { structuresOf } from "../program/facts.ts";
import { refused } from "../refused.ts";

/** The cases of genericxml2xmltest: what no hypervisor has a say in. */
export const generic: Suite = {
  name: "generic",
  about: "domain definitions of no certain hypervisor: in to out, or refused",
  goal: 100,
  cases: (corpus) =>
    structuresOf(corpus.program("genericxml2xmltest.c"), "testInfo").map((info) => ({
      name: info["name"] ?? "",
      run: () => {
        const given = corpus.read("genericxml2xmlindata", `${info["name"]}.xml`);
        const inactive = info["active_only"] !== "true";
        const complete = () => completeGenericDomain(parseDomain(given), { arch: "x86_64", inactive });
        if (info["expectResult"]?.endsWith("FAIL_PARSE") === true) return refused(complete);
        const folder = info["different"] === "0" ? "genericxml2xmlindata" : "genericxml2xmloutdata";
        const written = formatDomain(complete(), { secure: true, inactive });
        return rewritten(corpus.read(folder, `${info["name"]}.xml`), written, "domain");
      },
    })),
};
