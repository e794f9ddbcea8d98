import { firstDifference } from "../canonical.ts";
import { cpuDocuments, rewrittenCpu } from "../cpu-documents.ts";
import { schemaDocuments } from "../schema-documents.ts";
import { fail, PASS, type Suite } from "../suite.ts";

/** The schema by which libvirt checks the data of its CPU tests. */
const SCHEMA = "cpu-baseline";

export const cpu: Suite = {
  name: "cpu",
  about: "CPUs of hosts and guests and what they answer: read and written again",
  goal: 98,
  cases: (corpus) =>
    schemaDocuments(corpus)
      .filter((document) => document.schema === SCHEMA && !document.isInvalid)
      .map(({ path, xml }) => ({
        name: path,
        run: () => {
          for (const one of cpuDocuments(xml)) {
            // They are made by hand, not written by libvirt.
            const difference = firstDifference(one.xml, rewrittenCpu(one), "free");
            if (difference !== undefined) return fail(difference);
          }
          return PASS;
        },
      })),
};
