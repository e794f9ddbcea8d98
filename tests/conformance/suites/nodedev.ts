import {
  formatNodeDevice,
  parseNodeDevice,
  requestedNodeDevice,
} from "@virtmesh/documents/node-device/document";
import { argumentsOfRuns } from "../program/facts.ts";
import { rewritten } from "../rewritten.ts";
import type { Suite } from "../suite.ts";

export const nodedev: Suite = {
  name: "nodedev",
  about: "devices of the host: in to out",
  goal: 98,
  cases: (corpus) =>
    argumentsOfRuns(corpus.program("nodedevxml2xmltest.c")).map((name) => ({
      name,
      run: () => {
        const given = corpus.read("nodedevschemadata", `${name}.xml`);
        const written = formatNodeDevice(requestedNodeDevice(parseNodeDevice(given)));
        return rewritten(corpus.read("nodedevxml2xmlout", `${name}.xml`), written, "nodedev");
      },
    })),
};
