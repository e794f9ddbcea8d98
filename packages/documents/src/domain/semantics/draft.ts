/** The same data, to be changed in place by whoever made it. */
export type Draft<T> = T extends string | number | bigint | boolean | undefined
  ? T
  : T extends readonly (infer E)[]
    ? Draft<E>[]
    : { -readonly [K in keyof T]: Draft<T[K]> };

/** A copy that shares nothing with its original. */
export function draftOf<T>(value: T): Draft<T> {
  return structuredClone(value) as Draft<T>;
}
