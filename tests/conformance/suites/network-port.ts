import { formatNetworkPort, parseNetworkPort } from "@virtmesh/documents/network-port/document";
import { structuresOf } from "../program/facts.ts";
import { rewritten } from "../rewritten.ts";
import type { Suite } from "../suite.ts";

export const networkPort: Suite = {
  name: "network-port",
  about: "what guests' interfaces got from their networks: read and written again",
  goal: 98,
  cases: (corpus) =>
    structuresOf(corpus.program("virnetworkportxml2xmltest.c"), "testInfo").map((info) => ({
      name: info["name"] ?? "",
      run: () => {
        const given = corpus.read("virnetworkportxml2xmldata", `${info["name"]}.xml`);
        return rewritten(given, formatNetworkPort(parseNetworkPort(given)), "networkport");
      },
    })),
};
