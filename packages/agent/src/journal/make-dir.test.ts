import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeDir } from "./make-dir.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "make-dir-"));
});
afterEach(() => rm(dir, { recursive: true }));

describe("making a directory", () => {
  it("makes those above it too, and takes one that is there", async () => {
    const path = join(dir, "a", "b", "c");
    await makeDir(path);
    await makeDir(path);
    expect((await stat(path)).isDirectory()).toBe(true);
  });

  it("fails where nothing can be made, and says where", async () => {
    await expect(makeDir("/proc/nothing/here")).rejects.toMatchObject({ reason: "HOST_SETUP" });
  });

  it("does not take a file for a directory", async () => {
    await writeFile(join(dir, "file"), "");
    await expect(makeDir(join(dir, "file"))).rejects.toMatchObject({ reason: "HOST_SETUP" });
  });
});
