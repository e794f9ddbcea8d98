import { open, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { systemCode } from "@virtmesh/core/errors";

/** Writes a file so that after a power cut either the old or the whole new text is there. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const written = `${path}.new`;
  const file = await open(written, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(written, path);
  await syncFolder(dirname(path));
}

/** Removes a file for good; neither it nor its folder need be there. */
export async function removeDurably(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (e) {
    if (systemCode(e) === "ENOENT") return;
    throw e;
  }
  await syncFolder(dirname(path));
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
