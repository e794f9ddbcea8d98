import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import type { Readable } from "node:stream";
import { systemCode, VirtError } from "@virtmesh/core/errors";

/** The text of a file, or of standard input for "-". */
export async function readDocument(path: string, stdin: Readable): Promise<string> {
  if (path === "-") return (await buffer(stdin)).toString("utf8");
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw fileNotFound(path, cause);
  }
}

export function fileNotFound(path: string, cause: unknown): VirtError {
  const why = systemCode(cause) === "ENOENT" ? "there is no such file" : "it cannot be read";
  return new VirtError("FILE_NOT_FOUND", `${path}: ${why}`, { metadata: { path } }, { cause });
}
