import { run } from "../process.ts";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cpioArchive, FILE, FOLDER } from "./cpio.ts";
import { dependenciesOf } from "./kernel.ts";
import { decompressBlock } from "./lz4.ts";

describe("an LZ4 block", () => {
  it("is literals followed by a copy that may repeat itself", () => {
    // Token 0x3f: three literals, a copy of 15 + 5 + 4 bytes from three bytes back; then five last literals.
    const block = Buffer.from([0x3f, 0x61, 0x62, 0x63, 3, 0, 5, 0x50, 0x76, 0x77, 0x78, 0x79, 0x7a]);
    expect(decompressBlock(block).toString()).toBe(`${"abc".repeat(9)}vwxyz`);
  });

  it("is refused when it copies from before its beginning", () => {
    expect(() => decompressBlock(Buffer.from([0x10, 0x61, 9, 0]))).toThrow("LZ4 payload is damaged");
  });
});

describe("a kernel module", () => {
  it("names the modules it depends on", () => {
    const module = Buffer.from("\0license=GPL\0depends=virtio_ring,virtio\0name=virtio_pci\0");
    expect(dependenciesOf(module)).toEqual(["virtio_ring", "virtio"]);
  });

  it("may depend on none", () => {
    expect(dependenciesOf(Buffer.from("\0depends=\0name=x\0"))).toEqual([]);
  });
});

describe("an initramfs", () => {
  it("is an archive that cpio can read", async () => {
    const folder = await mkdtemp(join(tmpdir(), "virtmesh-cpio-"));
    const archive = join(folder, "a.cpio");
    await writeFile(
      archive,
      cpioArchive([
        { path: "bin", mode: FOLDER | 0o755 },
        { path: "bin/odd", mode: FILE | 0o644, data: Buffer.from("12345") },
        { path: "bin/even", mode: FILE | 0o755, data: Buffer.from("1234") },
      ]),
    );
    await run(["busybox", "cpio", "-i", "-F", archive], { cwd: folder });
    expect(await readFile(join(folder, "bin/odd"), "utf8")).toBe("12345");
    expect(await readFile(join(folder, "bin/even"), "utf8")).toBe("1234");
    await rm(folder, { recursive: true });
  });
});
