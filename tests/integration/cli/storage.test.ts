import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningMesh, startMesh } from "@virtmesh/lab/mesh";
import { Cli } from "./cli.ts";

const POOL = "test://host-a/default/default-pool";

describe("the command line, with storage", () => {
  let mesh: RunningMesh;
  let cli: Cli;
  let work: string;

  beforeAll(async () => {
    mesh = await startMesh({ agents: "test" });
    cli = Cli.of(mesh);
    work = await mkdtemp(join(tmpdir(), "virtmesh-cli-"));
  }, 180_000);
  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]();
    if (work) await rm(work, { recursive: true, force: true });
  });

  it("lists the pools of the fleet with their hosts, and one with its facts", async () => {
    const list = await cli.ok("pool-list", "--details");
    expect(list).toMatch(/host-a +default-pool +active +dir +100 GiB +0 B +100 GiB +\/default-pool/);
    expect(list).toMatch(/host-b +default-pool +active/);
    expect(await cli.ok("pool-info", POOL)).toMatch(
      /Name: +default-pool\nUUID: +[0-9a-f-]{36}\nState: +active/,
    );
    const ambiguous = await cli.run(["vol-list", "default-pool"]);
    expect(ambiguous).toMatchObject({ code: 4, err: expect.stringContaining("is on 2 hosts") });
  });

  it("makes volumes, resizes and deletes them", async () => {
    expect(await cli.ok("vol-create-as", POOL, "web/disk.img", "4MiB")).toBe("Vol web/disk.img created\n");
    expect(await cli.ok("vol-list", POOL, "--details")).toMatch(
      /web\/disk\.img +\/default-pool\/web\/disk\.img +raw +4\.0 MiB +0 B/,
    );
    await cli.ok("vol-resize", "web/disk.img", "8388608", "--pool", POOL);
    expect(await cli.ok("vol-info", "/default-pool/web/disk.img", "--pool", POOL)).toMatch(
      /Capacity: +8\.0 MiB/,
    );
    const shrunk = await cli.run(["vol-resize", "web/disk.img", "1MiB", "--pool", POOL]);
    expect(shrunk).toMatchObject({ code: 4, err: expect.stringContaining("say that it may shrink") });
    expect(await cli.ok("vol-delete", "web/disk.img", "--pool", POOL)).toBe("Vol web/disk.img deleted\n");
    expect((await cli.run(["vol-info", "web/disk.img", "--pool", POOL])).code).toBe(3);
    expect((await cli.run(["vol-info", "web/disk.img"])).err).toContain("--pool NAME");
  });

  it("carries files there and back, whole or in part, and from standard input", async () => {
    const bytes = randomBytes(1_500_003);
    const [file, back] = [join(work, "a.iso"), join(work, "back.iso")];
    await writeFile(file, bytes);
    expect(await cli.ok("vol-upload", "a.iso", file, "--pool", POOL)).toBe(
      "Uploaded 1.4 MiB to 'a.iso' in pool 'default-pool'\n",
    );
    expect(await cli.ok("vol-download", "a.iso", back, "--pool", POOL)).toBe(
      `Downloaded 1.4 MiB of 'a.iso' to ${back}\n`,
    );
    expect((await readFile(back)).equals(bytes)).toBe(true);
    await cli.ok("vol-download", "a.iso", back, "--pool", POOL, "--offset", "1000", "--length", "500001");
    expect((await readFile(back)).equals(bytes.subarray(1000, 501_001))).toBe(true);
    expect(await cli.run(["vol-upload", "typed.txt", "-", "--pool", POOL], "hello")).toMatchObject({
      code: 0,
    });
    expect(await cli.ok("vol-download", "typed.txt", "-", "--pool", POOL)).toBe("hello");
  });

  it("leaves no file where a download fails", async () => {
    const file = join(work, "none.iso");
    expect((await cli.run(["vol-download", "none", file, "--pool", POOL])).code).toBe(3);
    expect((await cli.run(["vol-upload", "x", join(work, "no-such-file"), "--pool", POOL])).code).toBe(3);
    expect((await readdir(work)).filter((name) => name.startsWith("none"))).toEqual([]);
  });

  it("completes pools, and the volumes of the pool that was named", async () => {
    await cli.ok("vol-create-as", POOL, "data.img", "1MiB");
    const { out } = await cli.run(["__complete", "--", "vol-list", "test://host-b/"]);
    expect(out).toBe("test://host-b/default/default-pool\n");
    const words = ["__complete", "--", "vol-info", "--pool", POOL, "da"];
    expect((await cli.run(words)).out).toBe("data.img\n");
  });
});
