import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { VirtError } from "@virtmesh/core/errors";
import { runBytes } from "../process.ts";
import { decompressLz4Legacy } from "./lz4.ts";

const SETUP_SECTORS = 0x1f1;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
const ELF_MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);

/** Where the compressed kernel is in a bzImage (Linux Documentation/arch/x86/boot.rst). */
export function bzImagePayload(image: Buffer): Buffer {
  const start = ((image[SETUP_SECTORS] || 4) + 1) * 512 + image.readUInt32LE(PAYLOAD_OFFSET);
  return image.subarray(start, start + image.readUInt32LE(PAYLOAD_LENGTH));
}

/** The ELF kernel inside a bzImage: QEMU boots it by PVH, which spares the guest the slow decompressor. */
export async function extractVmlinux(bzImage: string, signal: AbortSignal): Promise<Buffer> {
  const payload = bzImagePayload(await readFile(bzImage));
  const vmlinux = await decompress(payload, bzImage, signal);
  if (!vmlinux.subarray(0, 4).equals(ELF_MAGIC)) {
    throw new VirtError("HOST_SETUP", `what ${bzImage} holds is not an ELF kernel`);
  }
  return vmlinux;
}

/** By the magic number, as the kernel's own lib/decompress.c does. */
async function decompress(bytes: Buffer, origin: string, signal: AbortSignal): Promise<Buffer> {
  switch (bytes.toString("hex", 0, 2)) {
    case "0221":
      return decompressLz4Legacy(bytes);
    case "fd37":
      // Behind the stream a kernel has its own size in four bytes.
      return (await runBytes(["xz", "-dc", "--single-stream"], { signal, input: bytes })).stdout;
    case "1f8b":
      return gunzipSync(bytes);
    case "28b5":
      return zstdDecompressSync(bytes);
  }
  throw new VirtError("HOST_SETUP", `${origin} is compressed in a way that is not known here`);
}

export interface KernelModule {
  readonly file: string;
  readonly data: Buffer;
}

/** These modules and what they depend on, in the order they must be loaded. Built-in ones need no file. */
export async function modulesInOrder(
  folder: string,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly KernelModule[]> {
  const files = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true })) {
    const match = /([^/]+)\.ko(\.xz)?$/.exec(entry);
    if (match?.[1] !== undefined) files.set(canonical(match[1]), join(folder, entry));
  }
  const builtin = new Set(
    (await readFile(join(folder, "modules.builtin"), "utf8"))
      .split("\n")
      .map((l) => canonical(basename(l, ".ko"))),
  );
  const ordered = new Map<string, KernelModule>();
  const add = async (name: string): Promise<void> => {
    const key = canonical(name);
    if (ordered.has(key) || builtin.has(key)) return;
    const file = files.get(key);
    if (file === undefined)
      throw new VirtError("HOST_SETUP", `the kernel in ${folder} has no module ${name}`);
    const raw = await readFile(file);
    const data = file.endsWith(".xz") ? await decompress(raw, file, signal) : raw;
    for (const dependency of dependenciesOf(data)) await add(dependency);
    ordered.set(key, { file: `${key}.ko`, data });
  };
  for (const name of names) await add(name);
  return [...ordered.values()];
}

/** `depends=` of a module's .modinfo section. */
export function dependenciesOf(module: Buffer): readonly string[] {
  const at = module.indexOf("\0depends=");
  if (at < 0) return [];
  const text = module.toString("latin1", at + 9, module.indexOf(0, at + 1));
  return text === "" ? [] : text.split(",");
}

/** modprobe takes `-` and `_` for the same. */
function canonical(name: string): string {
  return name.replaceAll("-", "_");
}
