import { constants } from "node:fs";
import { access, open } from "node:fs/promises";
import { dirname } from "node:path";
import { systemCode, VirtError } from "@virtmesh/core/errors";

/** What stands behind the memory in a file that `xl save` wrote; `xl restore` reads no further than it must. */
export interface SavedGuest {
  readonly xml: string;
  /** Whether it is to run when it is there again. */
  readonly running: boolean;
}

const MAGIC = "virtmesh-xen-save-1\n";
/** The length of the text before it, in bytes. */
const LENGTH_BYTES = 4;
const FOOTER_BYTES = LENGTH_BYTES + MAGIC.length;
const MAX_TEXT = 16 << 20;

export function encodeFooter(saved: SavedGuest): Buffer {
  const text = Buffer.from(JSON.stringify(saved));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(text.length);
  return Buffer.concat([text, length, Buffer.from(MAGIC)]);
}

/** How many bytes before the footer's end its text begins; undefined when there is none. */
export function textLength(footer: Buffer): number | undefined {
  if (footer.length !== FOOTER_BYTES || footer.toString("latin1", LENGTH_BYTES) !== MAGIC) return undefined;
  const length = footer.readUInt32LE(0);
  return length > MAX_TEXT ? undefined : length;
}

/** @throws ALREADY_EXISTS */
export async function checkNew(path: string): Promise<void> {
  try {
    await access(path, constants.F_OK);
  } catch (e) {
    if (systemCode(e) === "ENOENT") return;
    throw new VirtError("HOST_SETUP", `${path} cannot be written`, {}, { cause: e });
  }
  throw new VirtError("ALREADY_EXISTS", `there is a file ${path} already; choose another name or remove it`);
}

/** Completes a file of memory; resolves when it is durable. */
export async function finish(path: string, saved: SavedGuest): Promise<void> {
  {
    await using file = await open(path, "a");
    // All of it: one write may take a part of it when a disk is full, and says so only by a number.
    await file.writeFile(encodeFooter(saved));
    await file.sync();
  }
  await using folder = await open(dirname(path), "r");
  await folder.sync();
}

/** @throws FILE_NOT_FOUND, XML_INVALID for a file that is no saved guest */
export async function readSaved(path: string): Promise<SavedGuest> {
  const none = (): VirtError =>
    new VirtError("XML_INVALID", `${path} is no guest of Xen that virtmesh has saved`);
  try {
    await using file = await open(path, "r");
    const { size } = await file.stat();
    if (size < FOOTER_BYTES) throw none();
    const footer = Buffer.alloc(FOOTER_BYTES);
    await file.read(footer, 0, FOOTER_BYTES, size - FOOTER_BYTES);
    const length = textLength(footer);
    if (length === undefined || size < FOOTER_BYTES + length) throw none();
    const text = Buffer.alloc(length);
    await file.read(text, 0, length, size - FOOTER_BYTES - length);
    return JSON.parse(text.toString("utf8")) as SavedGuest;
  } catch (e) {
    if (VirtError.is(e)) throw e;
    if (systemCode(e) === "ENOENT")
      throw new VirtError("FILE_NOT_FOUND", `there is no file ${path}`, {}, { cause: e });
    throw new VirtError("HOST_SETUP", `${path} cannot be read`, {}, { cause: e });
  }
}
