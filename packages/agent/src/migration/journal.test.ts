import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  isRefused,
  type JournalHeader,
  journalRefusal,
  MigrationJournal,
  parseJournal,
  readJournal,
  readJournals,
} from "./journal.ts";
import { sampleOffer } from "./sample-offer.ts";

const header: JournalHeader = {
  side: "source",
  offer: sampleOffer(),
  sourceUri: "qemu://host-a/system",
  destinationUri: "qemu://host-b/system",
  undefineSource: true,
  startedAtMs: 1,
  actor: "admin",
  trace: "",
};
const { id } = header.offer.plan;

describe("the journal of a migration", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "virtmesh-journal-"));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it("gives back the whole offer and every entry in the order in which they were appended", async () => {
    await using journal = await MigrationJournal.create(dir, header);
    await Promise.all([
      journal.append("begun"),
      journal.append("deciding"),
      journal.append("ended", "moved"),
    ]);
    const file = await readJournal(dir, id, "source");
    expect(file?.header).toEqual(header);
    expect(file?.lines.map((l) => l.entry)).toEqual(["begun", "deciding", "ended"]);
    expect(file?.lines[2]?.note).toBe("moved");
  });

  it("goes on where an earlier agent stopped", async () => {
    await (await MigrationJournal.create(dir, header))[Symbol.asyncDispose]();
    await using journal = await MigrationJournal.reopen(dir, id, "source");
    await journal.append("aborting");
    expect((await readJournals(dir)).map((f) => f.lines.map((l) => l.entry))).toEqual([["aborting"]]);
  });

  it("takes a line that a power cut tore for one that was never written", async () => {
    await using journal = await MigrationJournal.create(dir, header);
    await journal.append("deciding");
    await appendFile(join(dir, `${id}.source.jsonl`), '{"entry":"dec');
    expect((await readJournal(dir, id, "source"))?.lines.map((l) => l.entry)).toEqual(["deciding"]);
    expect(parseJournal('{"side":"sou')).toBeUndefined();
  });

  it("refuses a second journal of the same migration and side", async () => {
    await using _first = await MigrationJournal.create(dir, header);
    await expect(MigrationJournal.create(dir, header)).rejects.toMatchObject({ reason: "WRONG_STATE" });
  });

  it("remembers a promise about a migration it has never heard of", async () => {
    expect(await isRefused(dir, id)).toBe(false);
    await journalRefusal(dir, id);
    expect(await isRefused(dir, id)).toBe(true);
    expect(await readJournals(dir)).toEqual([]);
  });
});
