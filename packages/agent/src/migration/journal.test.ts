import { appendFile, mkdtemp, open, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  isRefused,
  type JournalHeader,
  journalRefusal,
  MigrationJournal,
  parseJournal,
  pruneJournals,
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

  it("goes on behind a line that a power cut tore: what is written then is whole", async () => {
    {
      await using journal = await MigrationJournal.create(dir, header);
      await journal.append("deciding");
    }
    await appendFile(join(dir, `${id}.source.jsonl`), '{"entry":"dec');
    {
      await using journal = await MigrationJournal.reopen(dir, id, "source");
      await journal.append("aborting");
    }
    expect((await readJournal(dir, id, "source"))?.lines.map((l) => l.entry)).toEqual([
      "deciding",
      "aborting",
    ]);
  });

  it("writes again when the disk that was full for a moment has room, and only what was refused is missing", async () => {
    await using journal = await MigrationJournal.create(dir, header);
    await using any = await open(dir, "r");
    const append = jest.spyOn(Object.getPrototypeOf(any) as typeof any, "appendFile");
    append.mockImplementationOnce(async () => {
      await appendFile(join(dir, `${id}.source.jsonl`), '{"entry":"dec');
      throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    });
    await expect(journal.append("deciding")).rejects.toThrow("no space left");
    await journal.append("aborting");
    append.mockRestore();
    expect((await readJournal(dir, id, "source"))?.lines.map((l) => l.entry)).toEqual(["aborting"]);
  });

  it("leaves nothing of one that could not be begun", async () => {
    await using any = await open(dir, "r");
    const append = jest.spyOn(Object.getPrototypeOf(any) as typeof any, "appendFile");
    append.mockRejectedValueOnce(new Error("no space left on device"));
    // Half a beginning would be taken up at the next start, and hold its guest then, whatever became of it since.
    await expect(MigrationJournal.create(dir, header, "begun")).rejects.toThrow("no space left");
    append.mockRestore();
    expect(await readdir(dir)).toEqual([]);
    await (await MigrationJournal.create(dir, header, "begun"))[Symbol.asyncDispose]();
    expect((await readJournal(dir, id, "source"))?.lines.map((l) => l.entry)).toEqual(["begun"]);
  });

  it("is not made anew by who only goes on with it: nobody would know whose it is", async () => {
    await expect(MigrationJournal.reopen(dir, id, "source")).rejects.toThrow("ENOENT");
    expect(await readdir(dir)).toEqual([]);
  });

  it("is forgotten long after its end, but not by a destination that may have run the guest", async () => {
    const destination: JournalHeader = { ...header, side: "destination" };
    for (const [dirOf, last] of [
      ["ran", "resumed"],
      ["gave-up", "promised"],
    ] as const) {
      const at = join(dir, dirOf);
      await using journal = await MigrationJournal.create(at, destination);
      await journal.append(last);
      await journal.append("ended");
      await pruneJournals(at, Date.now() + 1_000);
    }
    // A source that was away for longer must not hear that nobody knows of it, and take the guest back.
    expect((await readJournal(join(dir, "ran"), id, "destination"))?.lines[0]?.entry).toBe("resumed");
    expect(await readJournal(join(dir, "gave-up"), id, "destination")).toBeUndefined();
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
