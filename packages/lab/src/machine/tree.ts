import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { type CpioEntry, FILE, FOLDER, LINK } from "../guest/cpio.ts";

/** A folder with all that is in it, as it goes into an initramfs. What `leaveOut` matches stays behind, with all below it. */
export async function treeEntries(root: string, leaveOut: RegExp, under = ""): Promise<CpioEntry[]> {
  const entries: CpioEntry[] = [];
  for (const name of (await readdir(join(root, under))).sort()) {
    const path = under === "" ? name : `${under}/${name}`;
    if (leaveOut.test(path)) continue;
    const full = join(root, path);
    const { mode } = await lstat(full);
    const [kind, rights] = [mode & 0o170000, mode & 0o7777];
    if (kind === FOLDER) {
      entries.push({ path, mode: FOLDER | rights }, ...(await treeEntries(root, leaveOut, path)));
    } else if (kind === LINK) {
      entries.push({ path, mode: LINK | 0o777, data: Buffer.from(await readlink(full)) });
    } else if (kind === FILE) entries.push({ path, mode: FILE | rights, data: await readFile(full) });
  }
  return entries;
}
