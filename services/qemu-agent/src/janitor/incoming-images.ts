import { readJournal } from "@virtmesh/agent/migration/journal";
import { messageOf } from "@virtmesh/core/errors";
import type { MigrationId } from "@virtmesh/core/ids";
import { join } from "node:path";
import type { IncomingRecords } from "../migration/incoming-record.ts";
import { removeMadeImages } from "../migration/made-images.ts";
import type { Leftover } from "./leftovers.ts";
import { namesIn } from "./run-folders.ts";

/** Entries after which the guest may have run here, and its images hold what it did. */
const MAY_HAVE_RUN: ReadonlySet<string> = new Set(["resuming", "pulling", "resumed"]);

/**
 * Records of what incoming migrations made, whose migrations are over: an agent was killed at their end. Images go only if
 * the journal says that the guest was never let run here, they are still the files that were made, and no guest has them.
 */
export async function sweepIncoming(
  stateDir: string,
  records: IncomingRecords,
  isUsed: (image: string) => boolean,
): Promise<readonly Leftover[]> {
  const names = (await namesIn(join(stateDir, "incoming"))).filter((name) => name.endsWith(".json"));
  const swept = await Promise.all(
    names.map(async (name) => {
      const what = join(stateDir, "incoming", name);
      try {
        return await sweepOne(stateDir, records, name.slice(0, -".json".length) as MigrationId, what, isUsed);
      } catch (e) {
        return [{ kind: "incoming-record", what, outcome: "left", why: messageOf(e) } as const];
      }
    }),
  );
  return swept.flat();
}

async function sweepOne(
  stateDir: string,
  records: IncomingRecords,
  id: MigrationId,
  what: string,
  isUsed: (image: string) => boolean,
): Promise<readonly Leftover[]> {
  const kind = "incoming-record";
  const journal = await readJournal(join(stateDir, "migrations"), id, "destination");
  if (journal === undefined)
    return [{ kind, what, outcome: "left", why: "no journal tells what became of its migration" }];
  const entries = journal.lines.map(({ entry }) => entry);
  // It is taken up again.
  if (!entries.includes("ended")) return [];
  const record = { kind, what, outcome: "removed", why: "its migration is over" } as const;
  const images = (await records.read(id))?.images ?? [];
  if (entries.some((entry) => MAY_HAVE_RUN.has(entry))) {
    await records.remove(id);
    return [record];
  }
  const found: Leftover[] = [];
  for (const image of images) {
    const about = { kind: "image", what: image.path } as const;
    if (isUsed(image.path)) {
      found.push({ ...about, outcome: "left", why: "a guest has it as a disk" });
      continue;
    }
    const [problem] = await removeMadeImages([image]);
    if (problem !== undefined) found.push({ ...about, outcome: "left", why: problem });
    else found.push({ ...about, outcome: "removed", why: "it was made for a migration that was given up" });
  }
  // What could not be removed is tried again at the next start.
  if (found.some(({ outcome, why }) => outcome === "left" && why !== "a guest has it as a disk"))
    return found;
  await records.remove(id);
  return [...found, record];
}
