import { completeSecret, formatSecret, parseSecret } from "@virtmesh/documents/secret/document";
import { structuresOf } from "../program/facts.ts";
import { rewritten } from "../rewritten.ts";
import type { Suite } from "../suite.ts";

export const secret: Suite = {
  name: "secret",
  about: "secrets: in to out",
  goal: 98,
  cases: (corpus) =>
    structuresOf(corpus.program("secretxml2xmltest.c"), "testInfo").map((info) => ({
      name: info["name"] ?? "",
      run: () => {
        const file = `${info["name"]}.xml`;
        const written = formatSecret(completeSecret(parseSecret(corpus.read("secretxml2xmlin", file))));
        const folder = info["different"] === "true" ? "secretxml2xmlout" : "secretxml2xmlin";
        return rewritten(corpus.read(folder, file), written, "secret");
      },
    })),
};
