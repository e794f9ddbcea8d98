/** What libxl writes its structures as. */
export type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json };

/** A structure of what is there. */
export function given(fields: Readonly<Record<string, Json | undefined>>): { readonly [key: string]: Json } {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])),
  );
}

/** A flag of libxl, which is in one of three states; undefined for the one that leaves it to libxl. */
export function flag(value: boolean | undefined): string | undefined {
  return value === undefined ? undefined : value ? "True" : "False";
}

/** Numbers that are nothing unless they are said are left out when they are nothing. */
export function nonZero(value: number | undefined): number | undefined {
  return value === 0 ? undefined : value;
}

/** A list that is not there rather than empty. */
export function listed<T extends Json>(items: readonly T[]): readonly T[] | undefined {
  return items.length === 0 ? undefined : items;
}
