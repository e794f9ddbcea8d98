import { pattern } from "../schema/kinds.ts";
import { attribute, repeated } from "../schema/parts.ts";
import { element } from "../schema/schema.ts";

/** What XML calls a name without a prefix. */
export const filterName = pattern(
  "a name of letters, digits, _ - and . that begins with a letter",
  /^[\p{L}_][\p{L}\p{N}_.-]*$/u,
);

/** A filter that is used, with values for its variables; one that is given several times is a list. */
export const filterReference = {
  filter: attribute("filter", filterName),
  parameters: repeated(
    "parameter",
    element({
      name: attribute("name", pattern("letters, digits and _", /^[A-Za-z0-9_]+$/)),
      value: attribute("value", pattern("letters, digits, _ . and :", /^[A-Za-z0-9_.:]+$/)),
    }),
  ),
} as const;

export interface FilterParameter {
  readonly name: string;
  readonly value: string;
}

/** As libvirt writes them: by name, the values of one name in their order. */
export function sortedParameters(parameters: readonly FilterParameter[]): readonly FilterParameter[] {
  return parameters.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}
