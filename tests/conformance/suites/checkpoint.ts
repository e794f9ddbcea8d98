import {
  type CheckpointDefinition,
  formatCheckpoint,
  parseCheckpoint,
  redefinedCheckpoint,
  requestedCheckpoint,
} from "@virtmesh/documents/checkpoint/document";
import type { Corpus } from "../corpus.ts";
import { type Fact, type Fields, flagsOf, structuresOf } from "../program/facts.ts";
import { refused } from "../refused.ts";
import { rewritten } from "../rewritten.ts";
import type { Outcome, Suite } from "../suite.ts";

export const checkpoint: Suite = {
  name: "checkpoint",
  about: "checkpoints, asked for and made known again: in to out, or refused",
  goal: 98,
  cases: (corpus) => {
    const facts = corpus.program("qemudomaincheckpointxml2xmltest.c");
    return structuresOf(facts, "testInfo").map((info) => ({
      name: (info["outxml"] ?? "").slice(corpus.dir.length + 1),
      run: () => runCase(corpus, info, facts),
    }));
  },
};

function runCase(corpus: Corpus, info: Fields, facts: readonly Fact[]): Outcome {
  const flags = flagsOf(info["flags"]);
  const xml = corpus.read(info["inxml"] ?? "");
  if (flags.has("TEST_INVALID")) return refused(() => parseCheckpoint(xml));
  const given = parseCheckpoint(xml);
  const meant = flags.has("TEST_REDEFINE")
    ? redefinedCheckpoint(given)
    : requestedCheckpoint(given, Number(info["creationTime"]));
  const written = formatCheckpoint(asRun(meant, flags, facts));
  return rewritten(corpus.read(info["outxml"] ?? ""), written, "domaincheckpoint");
}

/** What libvirt's driver finds out when it makes one, with the values that the test program has instead. */
function asRun(
  checkpoint: CheckpointDefinition,
  flags: ReadonlySet<string>,
  facts: readonly Fact[],
): CheckpointDefinition {
  const assigned = (to: RegExp): string => {
    const fact = facts.find((one) => one.kind === "assignment" && to.test(one.to) && /\d|"/.test(one.value));
    return (
      (fact?.kind === "assignment" &&
        /"([^"]*)"|^(\d+)$/
          .exec(fact.value)
          ?.slice(1)
          .find((x) => x)) ||
      ""
    );
  };
  const [first, ...others] = checkpoint.disks ?? [];
  const disk = {
    ...(first ?? { name: assigned(/->name$/), checkpoint: "bitmap" as const }),
    ...(checkpoint.name === undefined ? {} : { bitmap: checkpoint.name }),
    ...(flags.has("TEST_SIZE") ? { size: BigInt(assigned(/\.size$/)) } : {}),
  };
  return {
    ...checkpoint,
    ...(flags.has("TEST_PARENT") ? { parent: { name: assigned(/parent_name$/) } } : {}),
    ...(flags.has("TEST_VDA_BITMAP") ? { disks: [disk, ...others] } : {}),
  };
}
