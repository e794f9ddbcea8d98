/** The system's name for what went wrong (`ENOENT`); undefined when it is not a system error. By shape, since `instanceof` fails under test runners. */
export function errnoOf(e: unknown): string | undefined {
  return typeof e === "object" && e !== null && "code" in e && typeof e.code === "string"
    ? e.code
    : undefined;
}
