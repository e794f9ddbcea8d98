import { CORPUS_NEEDS, ensurePackages } from "@virtmesh/lab/apt";
import { libvirtTests } from "@virtmesh/lab/libvirt-source";
import { Corpus } from "./corpus.ts";
import { failureLine } from "./report.ts";
import { percent, runSuite } from "./run.ts";
import { SUITES } from "./suites.ts";

/** A tree of one's own instead of Debian's. */
const OWN_TREE = process.env["VIRTMESH_LIBVIRT_TESTS"];

describe("the documents, scored against libvirt's own test data", () => {
  let corpus: Corpus;

  beforeAll(async () => {
    await ensurePackages(CORPUS_NEEDS);
    corpus = new Corpus(OWN_TREE ?? (await libvirtTests()));
  }, 240_000);

  // Those that run only by name take minutes and root.
  const suites = SUITES.filter((suite) => suite.byNameOnly !== true);

  it.each(suites.map((suite) => ({ suite, name: suite.name, goal: suite.goal })))(
    "reach $goal per cent of suite $name",
    async ({ suite, goal }) => {
      const score = await runSuite(suite, corpus, AbortSignal.timeout(120_000));
      const reached = percent(score);
      const misses = reached >= goal ? [] : score.failures.map((one) => failureLine(suite.name, one));
      expect({ total: score.total > 0, misses: misses.slice(0, 20), reached: reached >= goal }).toEqual({
        total: true,
        misses: [],
        reached: true,
      });
    },
    150_000,
  );
});
