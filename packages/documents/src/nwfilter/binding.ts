import { document } from "../schema/document.ts";
import { mac, nonEmpty, text, uuid } from "../schema/kinds.ts";
import { attributeChild, child, optional, textChild } from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { element } from "../schema/schema.ts";
import { filterReference, sortedParameters } from "./reference.ts";

/** The `<filterbinding>` document: a filter in use for one interface of a guest. */
export const nwfilterBindingSchema = element({
  owner: child("owner", element({ name: textChild("name", text), uuid: textChild("uuid", uuid) })),
  portDevice: attributeChild("portdev", "name", nonEmpty),
  linkDevice: optional(attributeChild("linkdev", "name", nonEmpty)),
  mac: attributeChild("mac", "address", mac),
  filter: child("filterref", element(filterReference)),
});

/** A `<filterbinding>` document as a value. */
export interface NwfilterBindingDefinition extends ModelOf<typeof nwfilterBindingSchema> {}

const bindingDocument = document("filterbinding", nwfilterBindingSchema);

/** @throws XML_SYNTAX, XML_FORBIDDEN, XML_LIMIT, XML_UNKNOWN, XML_INVALID with path, line and column */
export function parseNwfilterBinding(xml: string): NwfilterBindingDefinition {
  const binding = bindingDocument.parse(xml);
  const { filter } = binding;
  return { ...binding, filter: { ...filter, parameters: sortedParameters(filter.parameters) } };
}

export function formatNwfilterBinding(binding: NwfilterBindingDefinition): string {
  return bindingDocument.format(binding);
}
