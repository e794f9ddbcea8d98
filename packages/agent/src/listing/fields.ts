/** What a field of a listed thing can be compared by. */
export type FieldValue = string | number | bigint | boolean;

/** A field that may be filtered and ordered by: its name in the contract, its kind, and how to read it. */
export type Field<T> =
  | { readonly kind: "text"; readonly read: (item: T) => string | readonly string[] }
  | { readonly kind: "number"; readonly read: (item: T) => number | bigint }
  | { readonly kind: "boolean"; readonly read: (item: T) => boolean };

export type Fields<T> = Readonly<Record<string, Field<T>>>;
