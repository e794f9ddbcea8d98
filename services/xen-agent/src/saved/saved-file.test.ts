import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkNew, finish, readSaved } from "./saved-file.ts";

describe("a file with a saved guest of Xen", () => {
  let dir = "";
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "xen-save-"));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it("says behind the memory what the guest is", async () => {
    const path = join(dir, "web.save");
    await writeFile(path, Buffer.alloc(5000, 7));
    await finish(path, { xml: "<domain>ä</domain>", running: true });
    expect(await readSaved(path)).toEqual({ xml: "<domain>ä</domain>", running: true });
  });

  it.each([
    ["a file of memory alone", Buffer.alloc(5000, 7)],
    ["an empty file", Buffer.alloc(0)],
    [
      "a footer that is longer than its file",
      Buffer.concat([Buffer.from([9, 0, 0, 0]), Buffer.from("virtmesh-xen-save-1\n")]),
    ],
  ])("is not %s", async (_what, bytes) => {
    const path = join(dir, "other");
    await writeFile(path, bytes);
    await expect(readSaved(path)).rejects.toMatchObject({ reason: "XML_INVALID" });
  });

  it("must be there to be read, and not to be written", async () => {
    const path = join(dir, "none");
    await expect(readSaved(path)).rejects.toMatchObject({ reason: "FILE_NOT_FOUND" });
    await checkNew(path);
    await writeFile(path, "");
    await expect(checkNew(path)).rejects.toMatchObject({ reason: "ALREADY_EXISTS" });
  });
});
