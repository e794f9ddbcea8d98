import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LineLog, readLines } from "./line-log.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "line-log-"));
});
afterEach(() => rm(dir, { recursive: true }));

describe("a log of lines", () => {
  it("takes only what was written whole", () => {
    expect(readLines('{"a":1}\n{"a":2}\n{"a":')).toEqual({
      entries: [{ a: 1 }, { a: 2 }],
      tornBytes: 5,
      badLines: 0,
    });
    expect(readLines('{"a":1}\nnonsense\n{"a":2}\n')).toEqual({
      entries: [{ a: 1 }, { a: 2 }],
      tornBytes: 0,
      badLines: 1,
    });
    expect(readLines("")).toEqual({ entries: [], tornBytes: 0, badLines: 0 });
  });

  it("has every entry in its order, however many came at once", async () => {
    const path = join(dir, "log");
    {
      const { log } = await LineLog.open(path);
      await using open = log;
      await Promise.all(Array.from({ length: 100 }, (_, i) => open.append({ i })));
    }
    await using reopened = (await LineLog.open(path)).log;
    expect(reopened.lines).toBe(100);
    expect(readLines(await readFile(path, "utf8")).entries).toEqual(
      Array.from({ length: 100 }, (_, i) => ({ i })),
    );
  });

  it("cuts a torn tail off when it is opened, so that the next entry stands on a line of its own", async () => {
    const path = join(dir, "log");
    await writeFile(path, '{"i":1}\n{"i":');
    {
      const { log, read } = await LineLog.open(path);
      await using open = log;
      expect(read.tornBytes).toBe(5);
      await open.append({ i: 2 });
    }
    expect(await readFile(path, "utf8")).toBe('{"i":1}\n{"i":2}\n');
  });

  it("goes on in the new file after a rewrite", async () => {
    const path = join(dir, "log");
    {
      const { log } = await LineLog.open(path);
      await using open = log;
      await open.append({ i: 1 });
      const late = open.append({ i: 2 });
      await open.rewrite([{ i: 3 }]);
      await late;
      await open.append({ i: 4 });
      expect(open.lines).toBe(2);
    }
    expect(readLines(await readFile(path, "utf8")).entries).toEqual([{ i: 3 }, { i: 4 }]);
  });

  it("says which file it cannot use", async () => {
    await expect(LineLog.open(dir)).rejects.toMatchObject({ reason: "HOST_SETUP" });
  });
});
