import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";

/**
 * The checkout that this process runs from: the nearest folder above the started script or the working
 * directory whose package.json is the workspace's.
 */
export function repositoryRoot(): string {
  const starts = [process.cwd(), ...(process.argv[1] === undefined ? [] : [dirname(process.argv[1])])];
  for (const start of starts) {
    for (let dir = start; ; dir = dirname(dir)) {
      if (isWorkspace(join(dir, "package.json"))) return dir;
      if (dirname(dir) === dir) break;
    }
  }
  throw new VirtError(
    "HOST_SETUP",
    `${process.cwd()} is not inside a checkout of virtmesh; start from there`,
  );
}

function isWorkspace(file: string): boolean {
  if (!existsSync(file)) return false;
  const parsed: unknown = JSON.parse(readFileSync(file, "utf8"));
  return (
    typeof parsed === "object" && parsed !== null && "name" in parsed && parsed.name === "virtmesh-workspace"
  );
}
