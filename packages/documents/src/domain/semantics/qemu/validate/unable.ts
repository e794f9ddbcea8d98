import { refuse } from "../../refuse.ts";

/** A rule that is broken: whether it is, where, and in which words. */
export type Rule = readonly [broken: boolean, path: string, what: string];

/** Refuses what QEMU cannot do. @throws CONFIG_UNSUPPORTED for the first rule that is broken */
export function unable(rules: readonly Rule[]): void {
  for (const [broken, path, what] of rules) if (broken) refuse(path, what, "CONFIG_UNSUPPORTED");
}
