import { readFile } from "node:fs/promises";
import type { HugepageMount } from "../cmdline/runtime.ts";

const UNITS: Readonly<Record<string, bigint>> = { K: 1024n, M: 1024n ** 2n, G: 1024n ** 3n };

/** The host's file systems of huge pages, the one of its usual size first. */
export async function hugepageMounts(): Promise<readonly HugepageMount[]> {
  const mounts = readMounts(await readFile("/proc/mounts", "utf8"));
  if (mounts.length === 0) return [];
  const usual = /Hugepagesize:\s+(\d+) kB/.exec(await readFile("/proc/meminfo", "utf8"))?.[1];
  const isUsual = ({ pageBytes }: HugepageMount) => pageBytes === BigInt(usual ?? "2048") * 1024n;
  return mounts.toSorted((a, b) => Number(isUsual(b)) - Number(isUsual(a)));
}

/** The lines of /proc/mounts that are of huge pages: `hugetlbfs /dev/hugepages hugetlbfs rw,pagesize=2M 0 0`. */
export function readMounts(text: string): readonly HugepageMount[] {
  return text.split("\n").flatMap((line) => {
    const [, path = "", type = "", options = ""] = line.split(" ");
    const [, number, unit = ""] = /(?:^|,)pagesize=(\d+)([KMG])/.exec(options) ?? [];
    return type === "hugetlbfs" && number !== undefined
      ? [{ path: path.replaceAll("\\040", " "), pageBytes: BigInt(number) * (UNITS[unit] ?? 1n) }]
      : [];
  });
}
