/** One file of an initramfs. `mode` has the type bits of stat(2); `device` is [major, minor] of a device node. */
export interface CpioEntry {
  readonly path: string;
  readonly mode: number;
  readonly data?: Uint8Array;
  readonly device?: readonly [number, number];
}

export const FILE = 0o100000;
export const FOLDER = 0o040000;
export const LINK = 0o120000;
export const CHARACTER_DEVICE = 0o020000;

const TRAILER: CpioEntry = { path: "TRAILER!!!", mode: 0 };

/** An archive in cpio's "newc" form (Linux Documentation/driver-api/early-userspace/buffer-format.rst). */
export function cpioArchive(entries: readonly CpioEntry[]): Buffer {
  const parts = [...entries, TRAILER].flatMap((entry, index) => {
    const data = Buffer.from(entry.data ?? []);
    const name = Buffer.from(`${entry.path}\0`);
    const [major, minor] = entry.device ?? [0, 0];
    const fields = [index + 1, entry.mode, 0, 0, 1, 0, data.length, 0, 0, major, minor, name.length, 0];
    const header = Buffer.from(`070701${fields.map((f) => f.toString(16).padStart(8, "0")).join("")}`);
    return [padded(Buffer.concat([header, name])), padded(data)];
  });
  return Buffer.concat(parts);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
