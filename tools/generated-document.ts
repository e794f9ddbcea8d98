import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Writes a document that a tool makes; with `--check` on the command line it only says whether the committed one is so. */
export function writeOrCheck(document: string, text: string): void {
  const path = join(import.meta.dirname, "..", document);
  if (!process.argv.includes("--check")) writeFileSync(path, text);
  else if (!existsSync(path) || readFileSync(path, "utf8") !== text) {
    console.error(`${document} is stale; run npm run generate`);
    process.exitCode = 1;
  }
}
