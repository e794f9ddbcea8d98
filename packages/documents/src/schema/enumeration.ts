import { nonEmpty, text } from "./kinds.ts";
import { attribute, repeated, textOnly } from "./parts.ts";
import { element } from "./schema.ts";

/** `<enum name='..'><value/>..</enum>`: what may stand somewhere, in documents that tell what a host can do. */
export const enumerations = {
  enums: repeated(
    "enum",
    element({ name: attribute("name", nonEmpty), values: repeated("value", textOnly(text)) }),
  ),
} as const;
