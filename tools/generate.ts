// `npm run generate`: proto/ -> packages/api/src/gen (types and service tables) and the descriptor that
// reflection serves. `--out DIR` writes elsewhere, so that the check can compare.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const wanted = [
  "--path",
  "proto/virtmesh",
  "--path",
  "node_modules/google-proto-files/google/rpc/error_details.proto",
];

function buf(...args: string[]): void {
  execFileSync(join(root, "node_modules/.bin/buf"), args, { cwd: root, stdio: "inherit" });
}

export function generate(out: string): void {
  const work = mkdtempSync(join(tmpdir(), "virtmesh-generate-"));
  try {
    const template = readFileSync(join(root, "buf.gen.yaml"), "utf8").replace("packages/api/src/gen", out);
    const templatePath = join(work, "buf.gen.yaml");
    writeFileSync(templatePath, template);
    mkdirSync(out, { recursive: true });
    buf("generate", "--template", templatePath, ...wanted);
    const image = join(work, "image.binpb");
    buf("build", "-o", image, "--exclude-source-info", "--as-file-descriptor-set", ...wanted);
    const base64 = readFileSync(image)
      .toString("base64")
      .replace(/.{100}/g, "$&\n");
    writeFileSync(
      join(out, "descriptor.ts"),
      `// The contract as a FileDescriptorSet, for server reflection. Generated.\nexport const DESCRIPTOR_SET_BASE64 = \`\n${base64}\n\`;\n`,
    );
  } finally {
    rmSync(work, { recursive: true });
  }
}

if (import.meta.main) {
  const at = process.argv.indexOf("--out");
  generate(at > 0 ? (process.argv[at + 1] ?? "") : join(root, "packages/api/src/gen"));
}
