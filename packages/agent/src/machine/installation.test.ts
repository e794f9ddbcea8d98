import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installationOf } from "./installation.ts";

describe("the installation of an agent", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "installation-"));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it("stays what it was made as, as long as the state directory is there", async () => {
    const made = await installationOf(dir);
    expect(await installationOf(dir)).toBe(made);
  });

  it("is another one in another state directory", async () => {
    expect(await installationOf(join(dir, "1"))).not.toBe(await installationOf(join(dir, "2")));
  });

  it.each(["{}", '{"id": 7}', '{"id": ""}', "null", "{"])(
    "is not guessed when its file says %s",
    async (text) => {
      const path = join(dir, "installation.json");
      await writeFile(path, text);
      await expect(installationOf(dir)).rejects.toMatchObject({
        reason: "HOST_SETUP",
        message: expect.stringContaining(path),
      });
    },
  );
});
