import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import { run } from "./process.ts";
import { sourceEntries } from "./source-list.ts";

const APT = "/etc/apt";

/** Where what was fetched or built is kept between runs. */
export function cacheFolder(what: string): string {
  return join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "virtmesh", what);
}

/**
 * The upstream archive of one of Debian's source packages, whose hash apt has checked; it is put into `work`. The lists
 * of apt are its own there: the machine's are only read.
 * @throws HOST_SETUP
 */
export async function downloadSource(name: string, work: string, signal?: AbortSignal): Promise<string> {
  const list = join(work, "sources.list");
  await writeFile(list, await debianSources());
  await mkdir(join(work, "lists/partial"), { recursive: true });
  await mkdir(join(work, "archives/partial"), { recursive: true });
  const apt = [
    "apt-get",
    "-q",
    ...["-o", `Dir::Etc::SourceList=${list}`, "-o", "Dir::Etc::SourceParts=-"],
    ...["-o", `Dir::State::Lists=${join(work, "lists")}`, "-o", `Dir::Cache=${work}`],
    // apt's own user may not write there; what is downloaded is checked all the same.
    ...["-o", "APT::Sandbox::User=root"],
  ];
  const options = { cwd: work, ...(signal === undefined ? {} : { signal }) };
  await run([...apt, "update"], options);
  await run([...apt, "source", "--download-only", name], options);
  const archive = (await readdir(work)).find(
    (file) => file.startsWith(`${name}_`) && /\.orig\.tar\.\w+$/.test(file),
  );
  if (archive === undefined)
    throw new VirtError("HOST_SETUP", `apt-get source ${name} has brought no archive`);
  return join(work, archive);
}

/** Where this machine gets Debian from, asked for sources instead of programs. */
async function debianSources(): Promise<string> {
  const parts = join(APT, "sources.list.d");
  const names = existsSync(parts) ? (await readdir(parts)).map((name) => join(parts, name)) : [];
  const files = [join(APT, "sources.list"), ...names].filter((file) => existsSync(file));
  const entries: string[] = [];
  for (const file of files) entries.push(...sourceEntries(await readFile(file, "utf8"), file));
  if (entries.length === 0) {
    throw new VirtError("HOST_SETUP", `neither ${APT}/sources.list nor ${parts} names an archive of Debian`);
  }
  return `${entries.join("\n")}\n`;
}
