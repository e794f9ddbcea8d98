/** How many parts each kind of disk has room for, and its major number; xvd is Xen's own. */
const XVD = { major: 202, parts: 16 };
const SD = { major: 8, parts: 16 };
const HD = { majors: [3, 3, 22, 22], parts: 64 };

/** Xen's number of a disk, as it stands in the names of its backend: 51712 for xvda. undefined for a name that Xen does not know. */
export function virtualDevice(target: string): number | undefined {
  const [, kind = "", letters = "", part = "0"] = /^(xvd|sd|hd)([a-z]{1,2})(\d*)$/.exec(target) ?? [];
  if (kind === "") return undefined;
  const disk = letters.split("").reduce((n, letter) => n * 26 + letter.charCodeAt(0) - 96, 0) - 1;
  const partition = Number(part);
  if (kind === "hd") {
    const major = HD.majors[disk];
    return major === undefined ? undefined : (major << 8) | ((disk % 2) * HD.parts + partition);
  }
  if (kind === "sd") return disk < 16 ? (SD.major << 8) | (disk * SD.parts + partition) : undefined;
  // Those that the old numbers have no room for are counted apart.
  return disk < 16 ? (XVD.major << 8) | (disk * XVD.parts + partition) : 2 ** 28 + disk * 256 + partition;
}
