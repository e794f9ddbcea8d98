import type { BigIntStats } from "node:fs";
import { lstat, open, rm } from "node:fs/promises";
import { messageOf, systemCode, VirtError } from "@virtmesh/core/errors";

/** File systems take their time from the kernel's last tick. */
const CLOCK_TICK_MS = 20;

/** A file as it was found; numbers as texts, since JSON has no 64 bits. A path alone may be another file by now. */
export interface FileIdentity {
  readonly path: string;
  readonly device: string;
  readonly inode: string;
  readonly bornNs: string;
}

export function identityOf(path: string, found: BigIntStats): FileIdentity {
  return {
    path,
    device: String(found.dev),
    inode: String(found.ino),
    bornNs: String(found.birthtimeNs),
  };
}

/** undefined for what is not there, or is no plain file; a link is none. */
export async function lookAtFile(path: string): Promise<FileIdentity | undefined> {
  const found = await statOf(path);
  return found?.isFile() === true ? identityOf(path, found) : undefined;
}

export function isSameFile(a: FileIdentity, b: FileIdentity | undefined): boolean {
  return b !== undefined && a.device === b.device && a.inode === b.inode && a.bornNs === b.bornNs;
}

/** Makes the file of an image, empty: what is there already is never written to. @throws ALREADY_EXISTS, NO_SPACE, HOST_SETUP */
export async function makeEmptyFile(path: string, disk: string): Promise<FileIdentity> {
  try {
    const file = await open(path, "wx", 0o600);
    try {
      return identityOf(path, await file.stat({ bigint: true }));
    } finally {
      await file.close();
    }
  } catch (e) {
    const code = systemCode(e);
    throw new VirtError(
      code === "EEXIST" ? "ALREADY_EXISTS" : code === "ENOSPC" ? "NO_SPACE" : "HOST_SETUP",
      `the image ${path} of disk ${disk} cannot be made: ${messageOf(e)}`,
      {},
      { cause: e },
    );
  }
}

/** What an agent wrote down before it made an image, and behind that which file it was. */
export interface MadeImage {
  readonly path: string;
  /** When it was about to be made. */
  readonly sinceMs: number;
  /** Absent when an agent ended between making it and writing that down. */
  readonly file?: FileIdentity | undefined;
}

/**
 * Removes images that are still the files which were made: another file at their path is somebody else's.
 * @returns what could not be removed, for people
 */
export async function removeMadeImages(images: readonly MadeImage[]): Promise<readonly string[]> {
  const left = await Promise.all(images.map(removeMade));
  return left.flat();
}

async function removeMade({ path, sinceMs, file }: MadeImage): Promise<readonly string[]> {
  try {
    const found = await statOf(path);
    if (found === undefined) return [];
    const isOurs =
      file === undefined ? isUnfinished(found, sinceMs) : isSameFile(file, identityOf(path, found));
    if (isOurs) await rm(path, { force: true });
    return [];
  } catch (e) {
    return [`${path}: ${messageOf(e)}`];
  }
}

/** An empty file, made since then: the agent ended before it could write down which one it was. */
function isUnfinished(found: BigIntStats, sinceMs: number): boolean {
  const bornMs = Number(found.birthtimeNs / 1_000_000n);
  return found.isFile() && found.size === 0n && bornMs + CLOCK_TICK_MS >= sinceMs;
}

async function statOf(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (e) {
    if (systemCode(e) === "ENOENT") return undefined;
    throw e;
  }
}
