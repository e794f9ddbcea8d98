import { int, yesNo } from "../../schema/kinds.ts";
import { child, maybe, optional } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { element } from "../../schema/schema.ts";
import { deviceInfo, virtioDriverChild, virtioModel } from "./common.ts";

/** Sockets between guest and host; 0 to 2 are not addresses of guests. */
export const vsockSchema = element({
  model: maybe("model", virtioModel),
  cid: optional(
    child("cid", element({ auto: maybe("auto", yesNo), address: maybe("address", int(3, 0xffffffff)) })),
  ),
  ...deviceInfo,
  ...virtioDriverChild,
});

export type Vsock = ModelOf<typeof vsockSchema>;
