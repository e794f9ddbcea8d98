import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "./command.ts";
import { ok, type Outcome, type Step, skipped } from "./step.ts";

/**
 * The contract as committed before the last commit, against the contract as it is here: what breaks a client
 * is refused. The old contract is checked out beside the project, with the same imports.
 */
export function breakingStep(root: string): Step {
  return {
    name: "contract compatible with HEAD~",
    async run(): Promise<Outcome> {
      const base = await runCommand("git", ["rev-parse", "--verify", "--quiet", "HEAD~:proto"], {
        cwd: root,
      });
      if (base.code !== 0) return skipped("the commit before this one has no contract");
      const work = mkdtempSync(join(tmpdir(), "virtmesh-breaking-"));
      try {
        return await compare(root, base.output.trim(), work);
      } finally {
        rmSync(work, { recursive: true });
      }
    },
  };
}

async function compare(root: string, tree: string, work: string): Promise<Outcome> {
  const sh = (command: string, ...args: string[]) => runCommand(command, args, { cwd: root });
  const archive = join(work, "base.tar");
  const steps: [string, ...string[]][] = [
    ["git", "archive", "--format=tar", "--prefix=proto/", "-o", archive, tree],
    ["tar", "-xf", archive, "-C", work],
    ["cp", "buf.yaml", work],
    ["ln", "-s", join(root, "node_modules"), join(work, "node_modules")],
  ];
  for (const [command, ...args] of steps) {
    const { code, output } = await sh(command, ...args);
    if (code !== 0) return { status: "failed", details: `${command}: ${output}` };
  }
  // Two images, because --path would be applied to the paths of both sides, which differ.
  for (const [image, cwd] of [
    ["base", work],
    ["here", root],
  ] as const) {
    const built = await runCommand(
      "buf",
      ["build", "--path", "proto/virtmesh", "-o", join(work, `${image}.binpb`)],
      { cwd },
    );
    if (built.code !== 0)
      return { status: "failed", details: `the contract (${image}) does not build: ${built.output}` };
  }
  const { code, output } = await sh(
    "buf",
    "breaking",
    join(work, "here.binpb"),
    "--against",
    join(work, "base.binpb"),
  );
  return code === 0 ? ok() : { status: "failed", details: output.trimEnd() };
}
