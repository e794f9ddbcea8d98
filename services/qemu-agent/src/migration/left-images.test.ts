import { mkdtemp, readdir, rename, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { domainUuid } from "@virtmesh/core/ids";
import { LeftImages } from "./left-images.ts";

const UUID = domainUuid("6b2c1f4e-0d5a-4c38-9c6e-2f1b7a9d0e11");
const OTHER = domainUuid("6b2c1f4e-0d5a-4c38-9c6e-2f1b7a9d0e12");

describe("images that a guest left behind", () => {
  let dir: string;
  let path: string;
  let left: LeftImages;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "left-"));
    path = join(dir, "vda.raw");
    left = new LeftImages(dir);
    await writeFile(path, "old");
    await left.remember(UUID, [path]);
  });
  afterEach(() => rm(dir, { recursive: true }));

  it("are known by another run of the agent, and to their guest only", async () => {
    expect([...(await new LeftImages(dir).untouched(UUID, [path]))]).toEqual([path]);
    expect([...(await left.untouched(OTHER, [path]))]).toEqual([]);
  });

  it.each<[string, () => Promise<void>]>([
    ["were written to", () => writeFile(path, "new")],
    ["have another time of change", () => utimes(path, 1, 1)],
    [
      "are another file of the same name",
      async () => {
        await writeFile(`${path}.2`, "old");
        await rename(`${path}.2`, path);
      },
    ],
    ["are gone", () => rm(path)],
  ])("are not touched when they %s", async (_, change) => {
    await change();
    const before = await readdir(dir);
    await left.clear(UUID, [path]);
    expect(await readdir(dir)).toEqual(before);
    expect([...(await left.untouched(UUID, [path]))]).toEqual([]);
  });

  it("are removed when the guest comes back, and forgotten", async () => {
    await left.clear(UUID, [path]);
    expect(await readdir(dir)).toEqual(["moved"]);
    expect(await readdir(join(dir, "moved"))).toEqual([]);
  });

  it("are remembered beside those of an earlier move", async () => {
    const second = join(dir, "vdb.raw");
    await writeFile(second, "old");
    await left.remember(UUID, [second]);
    expect([...(await left.untouched(UUID, [path, second]))].toSorted()).toEqual([path, second]);
  });
});
