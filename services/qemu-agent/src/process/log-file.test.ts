import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogFile, lastWords } from "./log-file.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "log-"));
});
afterEach(() => rm(dir, { recursive: true }));

describe("the log of a QEMU", () => {
  it("tells what the latest process wrote, without times, names and warnings", async () => {
    const path = join(dir, "sub", "web.log");
    await using log = await LogFile.open(path);
    await log.begin(["qemu", "-m", "32"]);
    await appendFile(path, "of the run before\n");
    await log.begin(["qemu", "-m", "64"]);
    await appendFile(
      path,
      [
        "2026-11-23T17:01:47.357161Z qemu-system-x86_64: warning: host doesn't support this",
        "2026-11-23T17:01:47.357161Z qemu-system-x86_64: Could not open 'x'",
        "and more",
        "",
      ].join("\n"),
    );
    expect(await log.tail()).toBe("Could not open 'x'; and more");
    expect(await lastWords(path)).toBe("Could not open 'x'; and more");
  });

  it("tells nothing where there is none", async () => {
    expect(await lastWords(join(dir, "none.log"))).toBe("");
  });
});
