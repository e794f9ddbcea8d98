import { existsSync } from "node:fs";
import { mkdir, open, rm, writeFile } from "node:fs/promises";
import type { Server } from "node:net";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { run } from "@virtmesh/lab/process";
import type { FileKind, Needs } from "./needs.ts";

const MIB = 1024 * 1024;
/** Sizes that QEMU takes: flash in whole pages of 4 KiB, firmware in whole pieces of 64 KiB. */
const FLASH_BYTES = 2 * MIB;
const ROM_BYTES = 256 * 1024;
/** Larger than any module of memory that is a file. */
const MEMORY_BYTES = 4096 * MIB;

/** The longest name of an interface. */
const NAME_LENGTH = 15;

/** Makes what a guest needs, in the root that is this measurement's own. What cannot be made is left out. */
export class Provider implements AsyncDisposable {
  readonly #servers: Server[] = [];
  readonly #loops = new Map<string, string>();
  readonly #made = new Map<string, string>();

  async provide(needs: Needs): Promise<void> {
    for (const path of needs.directories) await mkdir(path, { recursive: true });
    for (const [path, kind] of needs.files) if (await this.#isNew(path, kind)) await makeFile(path, kind);
    for (const [path, format] of needs.blocks) await this.#block(path, format);
    for (const path of needs.sockets) await this.#listen({ path });
    for (const place of needs.ports) await this.#listenOnPort(place);
    for (const name of needs.bridges) await makeLink(name, "bridge");
    for (const name of needs.links) await makeLink(name, "dummy");
  }

  /** A node of its own for each name, so that QEMU locks them apart, of one device for each format. */
  async #block(path: string, format: string): Promise<void> {
    if (!(await this.#isNew(path, { image: format }))) return;
    const numbers = this.#loops.get(format) ?? (await loopDevice(format));
    this.#loops.set(format, numbers);
    await mkdir(dirname(path), { recursive: true });
    await run(["mknod", path, "b", ...numbers.split(":")]);
  }

  /** Whether a path is to be made: another guest may have had something else there. */
  async #isNew(path: string, kind: FileKind): Promise<boolean> {
    const wanted = JSON.stringify(kind);
    if (this.#made.get(path) === wanted) return false;
    // What is of the host's own, as firmware, stays as it is.
    if (!this.#made.has(path) && existsSync(path)) return false;
    this.#made.set(path, wanted);
    await rm(path, { force: true });
    return true;
  }

  async #listenOnPort(place: string): Promise<void> {
    const at = place.lastIndexOf(":");
    const [host, port] = [place.slice(0, at), Number(place.slice(at + 1))];
    // All names are of this host here.
    await this.#listen({ host: /^[\d.]+$/.test(host) ? "0.0.0.0" : "::", port });
  }

  async #listen(
    options: { readonly path: string } | { readonly host: string; readonly port: number },
  ): Promise<void> {
    if ("path" in options) await rm(options.path, { force: true });
    const server = createServer((socket) => socket.on("error", () => socket.destroy()).resume());
    const listening = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(options, () => resolve(true));
    });
    if (listening) this.#servers.push(server.unref());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) server.close();
    for (const numbers of this.#loops.values())
      await run(["losetup", "-d", `/dev/loop${numbers.split(":")[1]}`]);
  }
}

async function makeFile(path: string, kind: FileKind): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  if (kind === "memory") return await makeSparse(path, MEMORY_BYTES);
  if (typeof kind === "object") return await makeImage(path, kind.image);
  if (kind === "kernel") return await writeFile(path, kernelImage());
  const bytes = { flash: FLASH_BYTES, rom: ROM_BYTES, plain: 4096 }[kind];
  await writeFile(path, new Uint8Array(bytes));
}

/** Formats by libvirt's name that qemu-img calls otherwise; those it cannot make are made raw. */
const FORMATS: Readonly<Record<string, string>> = { vhd: "vhdx", ploop: "parallels", fat: "raw", iso: "raw" };

async function makeImage(path: string, format: string): Promise<void> {
  const kind = FORMATS[format] ?? format;
  if (await succeeds(["qemu-img", "create", "-q", "-f", kind, path, String(8 * MIB)])) return;
  await makeSparse(path, 8 * MIB);
}

async function makeSparse(path: string, bytes: number): Promise<void> {
  const file = await open(path, "w");
  await file.truncate(bytes);
  await file.close();
}

async function loopDevice(format: string): Promise<string> {
  const image = `/var/tmp/block-${format}.img`;
  await makeImage(image, format);
  const { stdout } = await run(["losetup", "--find", "--show", image]);
  return `7:${stdout.trim().replace("/dev/loop", "")}`;
}

async function makeLink(name: string, type: string): Promise<void> {
  const short = name.slice(0, NAME_LENGTH);
  if (await succeeds(["ip", "link", "add", short, "type", type]))
    await run(["ip", "link", "set", short, "up"]);
}

/** Whether a program ends well; one that does not has left nothing to do. */
export function succeeds(argv: readonly string[]): Promise<boolean> {
  return run(argv).then(
    () => true,
    () => false,
  );
}

/** A file that QEMU takes for a Linux kernel (Documentation/arch/x86/boot.rst); it is never started. */
function kernelImage(): Uint8Array {
  const bytes = Buffer.alloc(64 * 1024);
  bytes[0x1f1] = 1;
  bytes.writeUInt16LE(0xaa55, 0x1fe);
  bytes.write("HdrS", 0x202, "latin1");
  bytes.writeUInt16LE(0x0206, 0x206);
  bytes.writeUInt32LE(0x37ff_ffff, 0x22c);
  return bytes;
}
