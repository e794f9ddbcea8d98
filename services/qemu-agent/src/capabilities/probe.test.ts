import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { probeOnce } from "./cache.ts";

const NEVER = new AbortController().signal;
let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "probe-"));
});
afterEach(() => rm(dir, { recursive: true }));

describe("what a QEMU binary can do", () => {
  it("is asked once, and answers the same from the cache", async () => {
    const options = { binary: "/usr/bin/qemu-system-x86_64", workDir: dir, cacheDir: dir, signal: NEVER };
    const asked = await probeOnce(options);
    await rm(join(dir, "probe.log"));
    expect(await probeOnce(options)).toEqual(asked);
    expect(await readdir(dir)).toEqual(["qemu-capabilities.json"]);
    expect(asked.capabilities.devices.has("virtio-blk-pci")).toBe(true);
    expect(asked.capabilities.accelerators.has("tcg")).toBe(true);
  });

  it("cannot be asked of a binary that is not there, or is no QEMU", async () => {
    const options = { workDir: dir, cacheDir: dir, signal: NEVER };
    await expect(probeOnce({ ...options, binary: "/nowhere/qemu" })).rejects.toMatchObject({
      reason: "HOST_SETUP",
    });
    await expect(probeOnce({ ...options, binary: "/bin/true" })).rejects.toMatchObject({
      reason: "HOST_SETUP",
    });
  });
});
