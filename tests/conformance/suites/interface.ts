import { formatInterface, parseInterface } from "@virtmesh/documents/interface/document";
import { argumentsOfRuns } from "../program/facts.ts";
import { rewritten } from "../rewritten.ts";
import type { Suite } from "../suite.ts";

export const hostInterface: Suite = {
  name: "interface",
  about: "network interfaces of the host: read and written again",
  goal: 98,
  cases: (corpus) =>
    argumentsOfRuns(corpus.program("interfacexml2xmltest.c")).map((name) => ({
      name,
      run: () => {
        const given = corpus.read("interfaceschemadata", `${name}.xml`);
        return rewritten(given, formatInterface(parseInterface(given)), "interface");
      },
    })),
};
