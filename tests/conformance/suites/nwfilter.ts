import { formatNwfilterBinding, parseNwfilterBinding } from "@virtmesh/documents/nwfilter/binding";
import { completeNwfilter, formatNwfilter, parseNwfilter } from "@virtmesh/documents/nwfilter/document";
import type { Corpus } from "../corpus.ts";
import { structuresOf } from "../program/facts.ts";
import { rewritten } from "../rewritten.ts";
import { type Case, type Outcome, PASS, type Suite } from "../suite.ts";
import { VirtError } from "@virtmesh/core/errors";

export const nwfilter: Suite = {
  name: "nwfilter",
  about: "network filters, in to out or refused, and bindings of them, read and written again",
  goal: 98,
  cases: (corpus) => [
    ...structuresOf(corpus.program("nwfilterxml2xmltest.c"), "test_parms").map((info) => ({
      name: info["name"] ?? "",
      run: () => filterCase(corpus, info["name"] ?? "", info["expect_warning"] === "true"),
    })),
    ...bindings(corpus),
  ],
};

/** Where a warning is expected, libvirt may refuse the filter or leave out what it does not take. */
function filterCase(corpus: Corpus, name: string, mayBeRefused: boolean): Outcome {
  const given = corpus.read("nwfilterxml2xmlin", `${name}.xml`);
  try {
    const written = formatNwfilter(completeNwfilter(parseNwfilter(given)));
    return rewritten(corpus.read("nwfilterxml2xmlout", `${name}.xml`), written, "nwfilter");
  } catch (e) {
    if (mayBeRefused && VirtError.is(e) && e.reason === "XML_INVALID") return PASS;
    throw e;
  }
}

function bindings(corpus: Corpus): readonly Case[] {
  return structuresOf(corpus.program("virnwfilterbindingxml2xmltest.c"), "test_parms").map((info) => ({
    name: `binding ${info["name"]}`,
    run: () => {
      const given = corpus.read("virnwfilterbindingxml2xmldata", `${info["name"]}.xml`);
      return rewritten(given, formatNwfilterBinding(parseNwfilterBinding(given)), "nwfilterbinding");
    },
  }));
}
