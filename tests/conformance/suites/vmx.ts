import { datastorePath } from "../../../services/esx-agent/src/vmx/datastore-paths.ts";
import { fromVmx, type VmxReading } from "../../../services/esx-agent/src/vmx/from-vmx.ts";
import type { Corpus } from "../corpus.ts";
import { refused } from "../refused.ts";
import { rewritten } from "../rewritten.ts";
import type { Case, Suite } from "../suite.ts";

const FOLDER = "vmx2xmldata";

/** What libvirt's test program takes for not being there. */
const MISSING = /^(?:\[missing\]|\[[^\]]+\] missing)/;

/** Files of VMware read into libvirt's documents. */
export const vmx: Suite = {
  name: "vmx",
  about: ".vmx files read into libvirt's documents, or refused",
  goal: 95,
  cases: (corpus) => {
    const cases: Case[] = [];
    let datacenterPath = "";
    for (const fact of corpus.program("vmx2xmltest.c")) {
      if (fact.kind === "assignment" && fact.to === "ctx.datacenterPath")
        datacenterPath = fact.value === "NULL" ? "" : fact.value;
      if (fact.kind !== "structure" || fact.type !== "testInfo") continue;
      const { file = "", should_fail: mustFail } = fact.fields;
      cases.push(caseOf(corpus, file, mustFail === "true", datacenterPath));
    }
    return cases;
  },
};

function caseOf(corpus: Corpus, name: string, mustFail: boolean, datacenterPath: string): Case {
  const reading: VmxReading = {
    pathOf: (fileName) => {
      const path = datastorePath(fileName, { folder: "[datastore] directory", nameOf: (volume) => volume });
      return MISSING.test(path) ? undefined : path;
    },
    ...(datacenterPath === "" ? {} : { datacenterPath }),
  };
  return {
    name,
    run: () => {
      const read = (): string => fromVmx(corpus.read(FOLDER, `${name}.vmx`), reading);
      return mustFail ? refused(read) : rewritten(corpus.read(FOLDER, `${name}.xml`), read(), "domain");
    },
  };
}
