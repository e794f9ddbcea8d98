import { document } from "../schema/document.ts";
import { enumerations } from "../schema/enumeration.ts";
import { nonEmpty, text, yesNo } from "../schema/kinds.ts";
import { attribute, attributeChild, child, optional, repeated } from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { element } from "../schema/schema.ts";

const options = (name: string) =>
  optional(
    child(
      name,
      element({ defaultFormat: optional(attributeChild("defaultFormat", "type", text)), ...enumerations }),
    ),
  );

/** The `<storagepoolCapabilities>` document: which kinds of pools a host can have. */
export const storagePoolCapabilitiesSchema = element({
  pools: repeated(
    "pool",
    element({
      type: attribute("type", nonEmpty),
      supported: attribute("supported", yesNo),
      poolOptions: options("poolOptions"),
      volumeOptions: options("volOptions"),
    }),
  ),
});

/** A `<storagepoolCapabilities>` document as a value. */
export interface StoragePoolCapabilities extends ModelOf<typeof storagePoolCapabilitiesSchema> {}

const capabilitiesDocument = document("storagepoolCapabilities", storagePoolCapabilitiesSchema);

/** @throws XML_SYNTAX, XML_FORBIDDEN, XML_LIMIT, XML_UNKNOWN, XML_INVALID with path, line and column */
export function parseStoragePoolCapabilities(xml: string): StoragePoolCapabilities {
  return capabilitiesDocument.parse(xml);
}

export function formatStoragePoolCapabilities(capabilities: StoragePoolCapabilities): string {
  return capabilitiesDocument.format(capabilities);
}
