import { completeNetwork, formatNetwork, parseNetwork } from "@virtmesh/documents/network/document";
import { type NetworkUpdate, updateNetwork } from "@virtmesh/documents/network/update";
import type { Corpus } from "../corpus.ts";
import type { Fields } from "../program/facts.ts";
import { refused } from "../refused.ts";
import { rewritten } from "../rewritten.ts";
import type { Suite } from "../suite.ts";

/** Names of libvirt's constants as ours: `VIR_NETWORK_SECTION_DNS_HOST` is `dns-host`. */
const SECTION = "VIR_NETWORK_SECTION_";
const COMMAND = "VIR_NETWORK_UPDATE_COMMAND_";

function ours(constant: string, prefix: string): string {
  return constant.replace(prefix, "").toLowerCase().replaceAll("_", "-");
}

export const networkUpdate: Suite = {
  name: "network-update",
  about: "one element of a network added, modified or deleted, or refused",
  goal: 98,
  cases: (corpus) => {
    let section = "";
    return corpus.program("networkxml2xmlupdatetest.c").flatMap((fact) => {
      // The program sets the section in between.
      if (fact.kind === "assignment" && fact.to === "section") section = fact.value;
      if (fact.kind !== "structure" || fact.type !== "testInfo") return [];
      const { fields } = fact;
      const ofCase = fields["section"] === "section" ? section : (fields["section"] ?? "");
      return [{ name: fields["name"] ?? "", run: () => runUpdate(corpus, fields, ofCase) }];
    });
  },
};

function runUpdate(corpus: Corpus, fields: Fields, section: string) {
  const before = corpus.read("networkxml2xmlin", `${fields["netxml"]}.xml`);
  const parentIndex = Number(fields["parentIndex"]);
  const update = {
    command: ours(fields["command"] ?? "", COMMAND),
    section: ours(section, SECTION),
    ...(parentIndex >= 0 ? { parentIndex } : {}),
    xml: corpus.read("networkxml2xmlupdatein", `${fields["updatexml"]}.xml`),
  } as NetworkUpdate;
  const apply = () =>
    formatNetwork(completeNetwork(updateNetwork(completeNetwork(parseNetwork(before)), update)));
  if (fields["expectFailure"] === "true") return refused(apply);
  return rewritten(corpus.read("networkxml2xmlupdateout", `${fields["outxml"]}.xml`), apply(), "network");
}
