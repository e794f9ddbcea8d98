import type { Texts } from "./kinds.ts";

/** What one element may have, for people who read a reference. */
export type Item =
  | {
      readonly kind: "attribute";
      readonly name: string;
      /** `a whole number from 0 to 31`. */
      readonly allowed: string;
      readonly texts: Texts | undefined;
      readonly presence: Presence;
    }
  | {
      readonly kind: "text";
      readonly allowed: string;
      readonly texts: Texts | undefined;
      readonly presence: Presence;
    }
  | {
      readonly kind: "element";
      /** As written, with its prefix. */
      readonly name: string;
      readonly presence: Presence;
      readonly many: boolean;
      readonly schema: Described;
    }
  | {
      /** One attribute decides what else there is. */
      readonly kind: "choice";
      readonly attribute: string;
      readonly presence: Presence;
      readonly variants: readonly { readonly name: string; readonly items: readonly Item[] }[];
    }
  | {
      /** One of several elements. */
      readonly kind: "alternatives";
      readonly presence: Presence;
      readonly elements: readonly { readonly name: string; readonly schema: Described }[];
    }
  /** Subtrees that are not looked into. */
  | { readonly kind: "kept"; readonly name: string; readonly presence: Presence };

/** What it means when something is not there. */
export type Presence =
  | { readonly is: "required" }
  | { readonly is: "optional" }
  /** The value that is taken, as it would be written. */
  | { readonly is: "defaulted"; readonly value: string };

export const REQUIRED: Presence = { is: "required" };
export const OPTIONAL: Presence = { is: "optional" };

/** Whatever can say what it may have. Elements may contain themselves, so only one level is told at a time. */
export interface Described {
  describe(): readonly Item[];
}

export function withPresence(items: readonly Item[], presence: Presence): readonly Item[] {
  return items.map((item) => ({ ...item, presence }));
}
