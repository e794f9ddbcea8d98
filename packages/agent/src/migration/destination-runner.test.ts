import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { IncomingMigration } from "@virtmesh/core/driver/migration";
import { hostName } from "@virtmesh/core/ids";
import { createLogger } from "@virtmesh/kit/logger";
import type { MigrationContext } from "./context.ts";
import { DestinationRunner } from "./destination-runner.ts";
import { type JournalHeader, MigrationJournal } from "./journal.ts";
import { sampleOffer } from "./sample-offer.ts";

const header: JournalHeader = {
  ...{ side: "destination", offer: sampleOffer(), sourceUri: "", destinationUri: "test://host-b/default" },
  ...{ undefineSource: false, startedAtMs: 1, actor: "", trace: "" },
};

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "virtmesh-destination-"));
});
afterEach(() => rm(dir, { recursive: true }));

function contextWith(incoming: Partial<IncomingMigration>): MigrationContext {
  const nothing = (): undefined => undefined;
  return {
    host: hostName("host-b"),
    driver: { migrationDestination: { reopen: async () => incoming } },
    tokens: { adopt: async () => undefined },
    logger: createLogger({ service: "test", level: "silent" }),
    signal: new AbortController().signal,
    news: { began: nothing, heard: nothing, ended: nothing },
  } as unknown as MigrationContext;
}

describe("the end of a migration whose guest crashed on its destination", () => {
  it("is written down only when the guest is defined there: nobody would do it again", async () => {
    const before = Promise.withResolvers<string>();
    const settleCrashed = async (): Promise<void> =>
      before.resolve(await readFile(join(dir, `${header.offer.plan.id}.destination.jsonl`), "utf8"));
    const c = contextWith({ alive: false, settleCrashed, close: () => undefined });
    const over = Promise.withResolvers<void>();
    const journal = await MigrationJournal.create(dir, header);
    await using runner = new DestinationRunner(c, header, journal, over.resolve);
    await runner.resume("resumed");
    await over.promise;
    expect(await before.promise).not.toContain('"ended"');
  });
});
