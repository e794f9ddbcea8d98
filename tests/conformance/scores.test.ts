import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CORPUS_NEEDS, ensurePackages } from "@virtmesh/lab/apt";
import { libvirtTests } from "@virtmesh/lab/libvirt-source";
import { run } from "@virtmesh/lab/process";
import { repositoryRoot } from "@virtmesh/lab/repository";
import { Corpus } from "./corpus.ts";
import { writtenScores } from "./document.ts";
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

  const reached = new Map<string, number>();
  // Those that run only by name take minutes and root.
  const suites = SUITES.filter((suite) => suite.byNameOnly !== true);

  it.each(suites.map((suite) => ({ suite, name: suite.name, goal: suite.goal })))(
    "reach $goal per cent of suite $name",
    async ({ suite, goal }) => {
      const score = await runSuite(suite, corpus, AbortSignal.timeout(120_000));
      reached.set(suite.name, score.pass);
      const isReached = percent(score) >= goal;
      const misses = isReached ? [] : score.failures.map((one) => failureLine(suite.name, one));
      expect({ hasCases: score.total > 0, misses: misses.slice(0, 20), isReached }).toEqual({
        hasCases: true,
        misses: [],
        isReached: true,
      });
    },
    150_000,
  );

  it("are no less than docs/conformance.md claims", () => {
    // Another tree has other cases.
    if (OWN_TREE !== undefined) return;
    const claims = writtenScores(readFileSync(join(repositoryRoot(), "docs/conformance.md"), "utf8"));
    const less = claims.filter(({ suite, pass }) => (reached.get(suite) ?? pass) < pass);
    expect({ less, claimed: claims.length >= suites.length }).toEqual({ less: [], claimed: true });
  });
});

describe("npm run conformance", () => {
  it("prints a JSON line for a suite, and says what is needed when it is not told where the data is", async () => {
    const program = join(repositoryRoot(), "tests/conformance/main.ts");
    const tree = OWN_TREE ?? (await libvirtTests());
    const { stdout } = await run([
      process.execPath,
      program,
      "--corpus",
      tree,
      "--suite",
      "secret",
      "--json",
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ suite: "secret", fail: 0, skipped_with_reason: {} });
    await expect(run([process.execPath, program])).rejects.toThrow("A libvirt source tree is needed");
    await expect(run([process.execPath, program, "--corpus", "/nowhere"])).rejects.toThrow(
      "/nowhere is not the tests folder of a libvirt source tree",
    );
  });
});
