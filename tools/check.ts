// `npm run check`: everything that can be said about the project without running it.
import { join } from "node:path";
import { findCycles } from "./checks/cycles.ts";
import { generatedCodeStep, generatedDocumentStep } from "./checks/generated.ts";
import { importsOf } from "./checks/imports.ts";
import { breakingStep } from "./checks/proto.ts";
import { handWritten, projectFiles } from "./checks/source-files.ts";
import { commandStep, fromProblems, runSteps, type Step } from "./checks/step.ts";
import { defaultExports, longFiles, machinePaths } from "./checks/text-rules.ts";
import { checkFloors, type Declared } from "./floors.ts";

const root = join(import.meta.dirname, "..");
process.env["PATH"] = `${join(root, "node_modules/.bin")}:${process.env["PATH"] ?? ""}`;

const files = await projectFiles(root);
const sources = handWritten(files);
const withImports = sources.map((file) => ({ path: file.path, imports: importsOf(file.text) }));

/** Every package.json of the workspace by its folder, with all that it declares. */
function declaredPackages(): ReadonlyMap<string, Declared> {
  const packages = new Map<string, Declared>();
  for (const { path, text } of files) {
    if (path !== "package.json" && !/^(packages|services|clients)\/[^/]+\/package\.json$/.test(path))
      continue;
    const json = JSON.parse(text) as { name: string } & Record<string, Record<string, string> | undefined>;
    packages.set(path.replace(/\/?package\.json$/, ""), {
      name: json.name,
      dependencies: ["dependencies", "devDependencies", "optionalDependencies"].flatMap((key) =>
        Object.keys(json[key] ?? {}),
      ),
    });
  }
  return packages;
}

function pureStep(name: string, problems: () => readonly string[]): Step {
  return { name, run: async () => fromProblems(problems()) };
}

const steps: readonly Step[] = [
  commandStep(root, "types", "tsc", "-p", "."),
  commandStep(root, "lint", "oxlint", "--type-aware", "--deny-warnings"),
  commandStep(root, "format", "biome", "format", "--max-diagnostics=20", "."),
  commandStep(root, "contract lint", "buf", "lint", "--path", "proto/virtmesh"),
  breakingStep(root),
  generatedCodeStep(root),
  generatedDocumentStep(root, "services/hyperv-agent/src/msvm/gen/schema.ts", "tools/msvm-schema.ts"),
  generatedDocumentStep(root, "docs/errors.md", "tools/error-table.ts"),
  generatedDocumentStep(root, "docs/documents", "tools/document-pages.ts"),
  pureStep("floors", () => checkFloors({ files: withImports, packages: declaredPackages() })),
  pureStep("no import cycles", () => findCycles(withImports).map((cycle) => cycle.join(" -> "))),
  pureStep("no default exports", () => defaultExports(sources)),
  pureStep("no machine paths", () => machinePaths(files.filter((file) => file.path !== "package-lock.json"))),
  {
    name: "file length",
    run: async () => {
      const { problems, warnings } = longFiles(sources);
      return fromProblems(problems, warnings);
    },
  },
];

const start = performance.now();
const failed = await runSteps(steps, (line) => console.log(line));
const seconds = ((performance.now() - start) / 1000).toFixed(1);
console.log(
  failed === 0
    ? `check passed in ${seconds} s`
    : `check failed: ${failed} of ${steps.length} steps, ${seconds} s`,
);
process.exitCode = failed === 0 ? 0 : 1;
