import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "./command.ts";
import { fromProblems, type Step } from "./step.ts";

/** What `npm run generate` would write now must be what is committed. */
export function generatedCodeStep(root: string): Step {
  return {
    name: "generated code fresh",
    async run() {
      const out = mkdtempSync(join(tmpdir(), "virtmesh-gen-"));
      try {
        const { code, output } = await runCommand("node", ["tools/generate.ts", "--out", out], { cwd: root });
        if (code !== 0) return { status: "failed", details: output };
        const stale = differences(out, join(root, "packages/api/src/gen"));
        return fromProblems(
          stale.map((file) => `packages/api/src/gen/${file} is stale; run npm run generate`),
        );
      } finally {
        rmSync(out, { recursive: true });
      }
    },
  };
}

/** A document that a tool writes: with `--check` the tool says whether the committed one is as it would write it. */
export function generatedDocumentStep(root: string, document: string, tool: string): Step {
  return {
    name: `${document} fresh`,
    async run() {
      const { code, output } = await runCommand("node", [tool, "--check"], { cwd: root });
      return code === 0 ? fromProblems([]) : { status: "failed", details: output.trimEnd() };
    },
  };
}

function differences(a: string, b: string): readonly string[] {
  const names = (folder: string) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  const inA = new Set(names(a));
  const inB = new Set(names(b));
  return [...inA.union(inB)]
    .filter(
      (file) =>
        !inA.has(file) || !inB.has(file) || !readFileSync(join(a, file)).equals(readFileSync(join(b, file))),
    )
    .sort();
}
