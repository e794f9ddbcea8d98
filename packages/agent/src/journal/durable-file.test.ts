import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeDurably, writeDurably } from "./durable-file.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "durable-"));
});
afterEach(() => rm(dir, { recursive: true }));

describe("a durable file", () => {
  it("is replaced as a whole, and leaves nothing beside it", async () => {
    await writeDurably(join(dir, "a"), "old");
    await writeDurably(join(dir, "a"), "new");
    expect(await readFile(join(dir, "a"), "utf8")).toBe("new");
    expect(await readdir(dir)).toEqual(["a"]);
  });

  it("is removed where it is there", async () => {
    await writeDurably(join(dir, "a"), "");
    await removeDurably(join(dir, "a"));
    expect(await readdir(dir)).toEqual([]);
  });

  it.each(["a", "no-such-folder/a"])("is removed where there is none: %s", async (path) => {
    await expect(removeDurably(join(dir, path))).resolves.toBeUndefined();
  });

  it("is not removed silently when it cannot be", async () => {
    await expect(removeDurably(dir)).rejects.toMatchObject({ code: expect.stringMatching(/EISDIR|EPERM/) });
  });
});
