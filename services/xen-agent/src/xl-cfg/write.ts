import type { Pair, Value } from "./setting.ts";

/** The text of a file with these settings. */
export function writeSettings(pairs: readonly Pair[]): string {
  return pairs.map(([key, value]) => `${key} = ${text(value)}\n`).join("");
}

function text(value: Value): string {
  if (typeof value === "string") return quoted(value);
  // xl knows no sign in front of a number; it takes the number out of a string all the same.
  if (typeof value === "number") return value < 0 ? quoted(String(value)) : String(value);
  return value.length === 0 ? "[ ]" : `[ ${value.map(text).join(", ")} ]`;
}

const ESCAPES: Readonly<Record<string, string>> = { "\n": "n", "\r": "r", "\t": "t" };

function quoted(value: string): string {
  return `"${value.replace(/["\\\n\r\t]/g, (c) => `\\${ESCAPES[c] ?? c}`)}"`;
}
