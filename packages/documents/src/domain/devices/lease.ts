import { big, nonEmpty } from "../../schema/kinds.ts";
import { attribute, child, maybe, optional, textChild } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { element } from "../../schema/schema.ts";

/** What a lock manager must hold before the guest may run. */
export const leaseSchema = element({
  lockspace: optional(textChild("lockspace", nonEmpty)),
  key: textChild("key", nonEmpty),
  target: child("target", element({ path: attribute("path", nonEmpty), offset: maybe("offset", big) })),
});

export type Lease = ModelOf<typeof leaseSchema>;
