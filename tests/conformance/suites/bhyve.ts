import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { completeBhyveDomain } from "@virtmesh/documents/domain/semantics/bhyve";
import type { Corpus } from "../corpus.ts";
import { flagsOf } from "../program/facts.ts";
import { refused } from "../refused.ts";
import { rewritten } from "../rewritten.ts";
import type { Case, Suite } from "../suite.ts";

/** The cases of bhyvexml2xmltest. */
export const bhyve: Suite = {
  name: "bhyve",
  about: "definitions of bhyve guests, completed",
  goal: 98,
  cases: (corpus) => {
    const cases: Case[] = [];
    let disksPerController: 32 | 1 = 32;
    for (const fact of corpus.program("bhyvexml2xmltest.c")) {
      if (fact.kind === "assignment" && fact.to === "driver.bhyvecaps")
        disksPerController = fact.value === "BHYVE_CAP_AHCI32SLOT" ? 32 : 1;
      if (fact.kind !== "structure" || fact.type !== "testInfo") continue;
      const { name = "", flags } = fact.fields;
      const disks = disksPerController;
      cases.push({ name, run: () => runCase(corpus, name, flagsOf(flags), disks) });
    }
    return cases;
  },
};

function runCase(corpus: Corpus, name: string, flags: ReadonlySet<string>, disksPerController: 32 | 1) {
  const complete = () =>
    completeBhyveDomain(withMacs(parseDomain(corpus.read(`bhyvexml2argvdata/bhyvexml2argv-${name}.xml`))), {
      ...{ arch: "x86_64", disksPerController },
    });
  if (flags.has("FLAG_EXPECT_FAILURE")) return refused(complete);
  const file = flags.has("FLAG_IS_DIFFERENT")
    ? `bhyvexml2xmloutdata/bhyvexml2xmlout-${name}.xml`
    : `bhyvexml2argvdata/bhyvexml2argv-${name}.xml`;
  return rewritten(corpus.read(file), formatDomain(complete(), { secure: true, inactive: true }), "domain");
}

/** With what the tests have instead of random addresses. */
function withMacs(definition: DomainDefinition): DomainDefinition {
  const { devices } = definition;
  const interfaces = devices.interfaces.map((nic) => ({ mac: { address: "52:54:00:00:00:00" }, ...nic }));
  return { ...definition, devices: { ...devices, interfaces } };
}
