/** Keys that a value may have or not, in any member of a union. */
type OptionalKeys<T> = T extends unknown
  ? { [K in keyof T]-?: object extends Pick<T, K> ? K : never }[keyof T]
  : never;

/** The same value without those fields, all of which its type lets be absent. */
export function without<T extends object>(value: T, ...keys: readonly (OptionalKeys<T> & string)[]): T {
  const names: readonly string[] = keys;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !names.includes(key))) as T;
}
