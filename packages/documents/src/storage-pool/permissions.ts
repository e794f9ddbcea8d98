import type { Kind } from "../schema/kinds.ts";
import { int, text } from "../schema/kinds.ts";
import { child, optional, textChild } from "../schema/parts.ts";
import { element } from "../schema/schema.ts";

const octal: Kind<number> = {
  expected: "an octal mode such as 0644",
  texts: { shape: /^0[1-7][0-7]{2}$/ },
  parse: (t) => (/^[0-7]{1,4}$/.test(t.trim()) ? Number.parseInt(t.trim(), 8) : undefined),
  format: (v) => `0${v.toString(8)}`,
};

/** -1, also as what 32 bits make of it, is whoever runs the host's storage. */
const NOBODY = new Set([-1, 0xffffffff]);
const id = int(-1, 0xffffffff);

/** Who may do what with files. */
export const permissions = {
  permissions: optional(
    child(
      "permissions",
      element({
        mode: optional(textChild("mode", octal)),
        owner: optional(textChild("owner", id)),
        group: optional(textChild("group", id)),
        label: optional(textChild("label", text)),
      }),
    ),
  ),
} as const;

export interface Permissions {
  readonly mode?: number;
  readonly owner?: number;
  readonly group?: number;
  readonly label?: string;
}

/** Without what only says that nothing is said; undefined when nothing is left. */
export function saidPermissions(given: Permissions | undefined): Permissions | undefined {
  if (given === undefined) return undefined;
  const { owner, group, ...rest } = given;
  const said: Permissions = {
    ...rest,
    ...(owner === undefined || NOBODY.has(owner) ? {} : { owner }),
    ...(group === undefined || NOBODY.has(group) ? {} : { group }),
  };
  return Object.keys(said).length === 0 ? undefined : said;
}
