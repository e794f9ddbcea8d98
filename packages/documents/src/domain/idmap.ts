import { int } from "../schema/kinds.ts";
import { attribute, repeated } from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { element } from "../schema/schema.ts";

const rangeSchema = element({
  start: attribute("start", int()),
  target: attribute("target", int()),
  count: attribute("count", int()),
});

/** Which ids of the guest are which of the host. */

export const idmapSchema = element({
  uids: repeated("uid", rangeSchema),
  gids: repeated("gid", rangeSchema),
});

export type Idmap = ModelOf<typeof idmapSchema>;
