import { rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "@virtmesh/core/errors";
import type { Leftover } from "./leftovers.ts";
import { namesIn } from "./run-folders.ts";

/** A durable file that was being written as the agent was killed: the old text is still there under its own name. */
const UNFINISHED = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.json\.new$/;
const FOLDERS = ["incoming", "disk-moves", "moved"];

export async function sweepUnfinishedFiles(stateDir: string): Promise<readonly Leftover[]> {
  const found = await Promise.all(
    FOLDERS.map(async (folder) => {
      const names = (await namesIn(join(stateDir, folder))).filter((name) => UNFINISHED.test(name));
      return names.map((name) => join(stateDir, folder, name));
    }),
  );
  return await Promise.all(
    found.flat().map(async (what): Promise<Leftover> => {
      try {
        await rm(what);
        return { kind: "unfinished-file", what, outcome: "removed", why: "it was never written to its end" };
      } catch (e) {
        return { kind: "unfinished-file", what, outcome: "left", why: messageOf(e) };
      }
    }),
  );
}
