/** JSON with whole 64-bit numbers, which JSON.stringify refuses. The mark is a character that no text here holds. */
export function jsonText(value: unknown): string {
  const marked = JSON.stringify(value, (_, v: unknown) => (typeof v === "bigint" ? `\0${v}` : v));
  return marked.replaceAll(/"\\u0000(\d+)"/g, "$1");
}
