import { posix } from "node:path";
import type { Import } from "./imports.ts";

/**
 * Groups of files that import each other in a circle, each as a path through it. Imports of types alone do not
 * count: nothing of them is left when the program runs.
 */
export function findCycles(
  files: readonly { readonly path: string; readonly imports: readonly Import[] }[],
): readonly (readonly string[])[] {
  const edges = new Map<string, readonly string[]>();
  const known = new Set(files.map((file) => file.path));
  for (const file of files) {
    edges.set(
      file.path,
      file.imports
        .filter((i) => !i.typeOnly)
        .map((i) => resolve(file.path, i.specifier))
        .filter((target) => known.has(target)),
    );
  }
  const cycles: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const at = path.indexOf(file);
    if (at >= 0) {
      cycles.push([...path.slice(at), file]);
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const next of edges.get(file) ?? []) visit(next);
    path.pop();
    done.add(file);
  };
  for (const file of files) visit(file.path);
  return cycles;
}

/** Path of what a relative or workspace import names; workspace names are `@virtmesh/<folder of packages>/<file>`. */
function resolve(from: string, specifier: string): string {
  if (specifier.startsWith(".")) return posix.join(posix.dirname(from), specifier);
  const match = /^@virtmesh\/([^/]+)\/(.+)$/.exec(specifier);
  return match ? `packages/${match[1]}/src/${match[2]}.ts` : specifier;
}
