import { completeNetwork, formatNetwork, parseNetwork } from "@virtmesh/documents/network/document";
import { structuresOf } from "../program/facts.ts";
import { refused } from "../refused.ts";
import { rewritten } from "../rewritten.ts";
import type { Suite } from "../suite.ts";

export const network: Suite = {
  name: "network",
  about: "virtual networks: in to out, or refused",
  goal: 98,
  cases: (corpus) =>
    structuresOf(corpus.program("networkxml2xmltest.c"), "testInfo").map((info) => ({
      name: info["name"] ?? "",
      run: () => {
        const file = `${info["name"]}.xml`;
        const given = corpus.read("networkxml2xmlin", file);
        if (info["expectResult"]?.endsWith("FAIL_PARSE") === true) return refused(() => parseNetwork(given));
        const inactive = info["flags"]?.includes("INACTIVE") === true;
        const written = formatNetwork(completeNetwork(parseNetwork(given)), { inactive });
        return rewritten(corpus.read("networkxml2xmlout", file), written, "network");
      },
    })),
};
