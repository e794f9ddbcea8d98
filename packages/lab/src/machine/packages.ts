import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../process.ts";

const MERGED = ["bin", "sbin", "lib", "lib64"];

/** Debian's updates may lack what a test is about: since 4.17.7 its Xen cannot send paravirtualised guests. */
async function asPublished(): Promise<readonly string[]> {
  const codename = /^VERSION_CODENAME=(\S+)$/m.exec(await readFile("/etc/os-release", "utf8"))?.[1];
  return codename === undefined ? [] : ["-t", codename];
}

/**
 * Unpacks packages of this computer's Debian, as it was published, with everything they depend on, into a folder: nothing is installed and none of their
 * scripts run, so it takes no root and a second or two. @throws HOST_SETUP
 */
export async function unpackPackages(
  packages: readonly string[],
  root: string,
  work: string,
  signal: AbortSignal,
): Promise<void> {
  const cache = join(work, "apt");
  await mkdir(join(cache, "archives/partial"), { recursive: true });
  const status = join(cache, "status");
  await writeFile(status, "");
  await run(
    [
      ...["apt-get", "-q", "-y", "--no-install-recommends", "--download-only"],
      // As for a machine on which nothing is installed.
      ...["-o", `Dir::State::status=${status}`, "-o", `Dir::Cache=${cache}`, "-o", "Debug::NoLocking=1"],
      ...["-o", "APT::Sandbox::User=root"],
      ...[...(await asPublished()), "install", ...packages],
    ],
    { signal },
  );
  for (const folder of MERGED) {
    await mkdir(join(root, "usr", folder), { recursive: true });
    await symlink(join("usr", folder), join(root, folder));
  }
  for (const deb of await readdir(join(cache, "archives"))) {
    if (!deb.endsWith(".deb")) continue;
    const contents = join(cache, "contents.tar");
    await run(
      ["sh", "-c", 'dpkg-deb --fsys-tarfile "$1" > "$2"', "sh", join(cache, "archives", deb), contents],
      {
        signal,
      },
    );
    await run(["tar", "-x", "--keep-directory-symlink", "--no-same-owner", "-f", contents, "-C", root], {
      signal,
    });
  }
}
