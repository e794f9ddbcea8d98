import { nonEmpty } from "../../schema/kinds.ts";
import { inline, optional, repeated, textChild, textOnly } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { choice } from "../../schema/schema.ts";
import { chardevSourceSchema } from "./chardev.ts";
import { deviceInfo } from "./common.ts";

/** Smart cards: the host's reader, certificates of the host, or a reader at the other end of a line. */
export const smartcardSchema = choice("mode", {
  host: { ...deviceInfo },
  "host-certificates": {
    certificates: repeated("certificate", textOnly(nonEmpty)),
    database: optional(textChild("database", nonEmpty)),
    ...deviceInfo,
  },
  passthrough: { source: inline(chardevSourceSchema), ...deviceInfo },
});

export type Smartcard = ModelOf<typeof smartcardSchema>;
