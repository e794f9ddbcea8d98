import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";
import { repositoryRoot } from "@virtmesh/lab/repository";

const root = repositoryRoot();

/** The fenced blocks that a document marks as runnable, in order. */
function runnableBlocks(text: string): readonly string[] {
  return [...text.matchAll(/^```sh runnable\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? "");
}

const documents = [
  "README.md",
  ...readdirSync(join(root, "docs"))
    .filter((f) => f.endsWith(".md"))
    .map((f) => `docs/${f}`),
]
  .map((path) => ({ path, blocks: runnableBlocks(readFileSync(join(root, path), "utf8")) }))
  .filter(({ blocks }) => blocks.length > 0);

describe("the commands that the documents show", () => {
  let mesh: RunningMesh;
  let work: string;

  beforeAll(async () => {
    work = mkdtempSync(join(tmpdir(), "virtmesh-docs-"));
    mesh = await startMesh({ agents: "test" });
  }, 60_000);
  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]();
    rmSync(work, { recursive: true });
  }, 60_000);

  it.each(documents)(
    "of $path work",
    async ({ blocks }) => {
      const env = {
        ...process.env,
        PATH: `${join(root, "clients/cli/bin")}:${process.env["PATH"] ?? ""}`,
        VIRTMESH_GATEWAY: mesh.gateway.address,
        VIRTMESH_TLS_DIR: mesh.clientTlsDir ?? "",
        VIRTMESH_URI: "",
      };
      // One shell a document: its blocks build on each other.
      await promisify(execFile)("bash", ["-e", "-u", "-o", "pipefail", "-c", blocks.join("\n")], {
        cwd: work,
        env,
      });
    },
    240_000,
  );
});

describe("the documents", () => {
  const verbs = readFileSync(join(root, "docs/command-line.md"), "utf8");

  it("name every verb of the command line", async () => {
    const { stdout } = await promisify(execFile)(join(root, "clients/cli/bin/virtmesh"), [
      "__complete",
      "--",
      "",
    ]);
    for (const verb of stdout.trim().split("\n")) expect(verbs).toContain(`\`${verb}\``);
  });

  it("link to files that there are", () => {
    for (const path of ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/command-line.md"]) {
      const text = readFileSync(join(root, path), "utf8");
      for (const [, target = ""] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
        const folder = path.startsWith("docs/") ? join(root, "docs") : root;
        expect({ path, target, isThere: existsSync(join(folder, target)) }).toEqual({
          path,
          target,
          isThere: true,
        });
      }
    }
  });
});
