import type { DomainChange } from "@virtmesh/documents/domain/diff";
import { clean } from "./table.ts";

/** The differences between two definitions, first those that a guest that runs can take. */
export function changeLines(changes: readonly DomainChange[]): readonly string[] {
  if (changes.length === 0) return ["Nothing changes"];
  const groups = [
    ["Can change while it runs:", changes.filter(({ when }) => when === "now")],
    ["Changes at the next start:", changes.filter(({ when }) => when === "next start")],
  ] as const;
  return groups.flatMap(([title, some]) => (some.length === 0 ? [] : [title, ...some.map(changeLine)]));
}

function changeLine({ kind, path, from, to }: DomainChange): string {
  switch (kind) {
    case "added":
      return `  + ${clean(path)} ${clean(to)}`;
    case "removed":
      return `  - ${clean(path)} ${clean(from)}`;
    case "changed":
      return `  ~ ${clean(path)} ${clean(from)} -> ${clean(to)}`;
  }
}
