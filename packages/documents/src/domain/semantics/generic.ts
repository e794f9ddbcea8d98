import type { DomainDefinition } from "../model.ts";
import { completeDraft } from "./common/complete.ts";
import { draftOf } from "./draft.ts";

export interface GenericCompletion {
  /** The architecture of a guest that names none. */
  readonly arch: string;
  /** The definition is one to start from, as opposed to that of a running guest. */
  readonly inactive?: boolean;
}

/** Writes down what a definition means on every hypervisor. @throws XML_INVALID, CONFIG_UNSUPPORTED */
export function completeGenericDomain(
  definition: DomainDefinition,
  { arch, inactive = true }: GenericCompletion,
): DomainDefinition {
  const draft = draftOf(definition);
  draft.os.type.arch ??= arch;
  completeDraft(draft, {}, { newDomain: false, inactive });
  return draft;
}
