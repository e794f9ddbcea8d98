import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "./command.ts";

export interface SourceFile {
  /** From the top of the project, with `/`. */
  readonly path: string;
  readonly text: string;
}

const BINARY = /\.(png|jpg|gz|xz|bin|binpb|ico|woff2?)$/;

/** Every text file that is the project's own: tracked, or new and not ignored. */
export async function projectFiles(root: string): Promise<readonly SourceFile[]> {
  const { code, output } = await runCommand(
    "git",
    ["ls-files", "-z", "-co", "--exclude-standard", "--deduplicate"],
    { cwd: root },
  );
  if (code !== 0)
    throw new Error(`the check needs a git checkout to know the project's files: ${output.trim()}`);
  const files: SourceFile[] = [];
  for (const path of output.split("\0")) {
    if (path === "" || BINARY.test(path)) continue;
    const text = readOrUndefined(join(root, path));
    if (text !== undefined) files.push({ path, text });
  }
  return files;
}

/** A file that is tracked but deleted, or that somebody removes meanwhile, is not part of the project. */
function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (e) {
    const code = (e as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "EISDIR") return undefined;
    throw e;
  }
}

/** TypeScript written by hand. */
export function handWritten(files: readonly SourceFile[]): readonly SourceFile[] {
  return files.filter((file) => file.path.endsWith(".ts") && !file.path.includes("/gen/"));
}
