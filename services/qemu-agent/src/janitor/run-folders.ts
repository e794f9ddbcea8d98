import { lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, systemCode } from "@virtmesh/core/errors";
import { parseUuid } from "@virtmesh/core/ids";
import { alivePath } from "../domain/instance.ts";
import { hold } from "../process/qemu-process.ts";
import type { Leftover } from "./leftovers.ts";

/** What an agent and its QEMU make in a guest's folder, beside sockets. */
const GUEST_FILES = /^(?:status\.json(?:\.new)?|qemu\.pid|recovery\.(?:in|out)|[0-9a-f-]{36}\.png)$/;
const DAEMON_FOLDER = /^storage-\w{6}$/;
const DAEMON_FILES = /^log$/;

/** Folders of guests that do not run: an agent was killed before it had written down what it began, or after. */
export async function sweepGuestFolders(
  guestsDir: string,
  runs: (uuid: string) => boolean,
  /** A QEMU that is not taken up says that it runs in the folder of that guest. */
  isClaimed: (uuid: string) => boolean,
): Promise<readonly Leftover[]> {
  const names = (await namesIn(guestsDir)).filter((name) => !runs(name));
  const swept = await Promise.all(
    names.map(async (name): Promise<Leftover> => {
      const what = join(guestsDir, name);
      if (parseUuid(name) !== name) return left("run-folder", what, "no agent makes a folder of that name");
      using held = holding(await hold(alivePath(what)));
      if (held.isHeld || isClaimed(name))
        return left("run-folder", what, "a QEMU runs in it, and its status cannot be read; end it by hand");
      return await removeFolder("run-folder", what, GUEST_FILES, "no guest runs in it");
    }),
  );
  return swept;
}

/** Those of storage daemons, which end with their agent. */
export async function sweepDaemonFolders(runDir: string): Promise<readonly Leftover[]> {
  const names = (await namesIn(runDir)).filter((name) => DAEMON_FOLDER.test(name));
  return await Promise.all(
    names.map((name) =>
      removeFolder("storage-daemon", join(runDir, name), DAEMON_FILES, "its daemon ended with its agent"),
    ),
  );
}

/** Removes it if nothing is in it that none of us has made. */
async function removeFolder(
  kind: Leftover["kind"],
  what: string,
  ours: RegExp,
  why: string,
): Promise<Leftover> {
  try {
    for (const name of await readdir(what)) {
      const found = await lstat(join(what, name));
      const made = found.isFile() || found.isFIFO() || found.isSymbolicLink();
      if (!found.isSocket() && !(made && ours.test(name)))
        return left(kind, what, `it holds ${name}, which no agent makes`);
    }
    await rm(what, { recursive: true, force: true });
    return { kind, what, outcome: "removed", why };
  } catch (e) {
    return left(kind, what, messageOf(e));
  }
}

function left(kind: Leftover["kind"], what: string, why: string): Leftover {
  return { kind, what, outcome: "left", why };
}

function holding(held: Awaited<ReturnType<typeof hold>>): Disposable & { readonly isHeld: boolean } {
  return { isHeld: held !== undefined, [Symbol.dispose]: () => void held?.socket.destroy() };
}

export async function namesIn(dir: string): Promise<readonly string[]> {
  try {
    return await readdir(dir);
  } catch (e) {
    if (systemCode(e) === "ENOENT") return [];
    throw e;
  }
}
