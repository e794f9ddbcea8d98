import { mkdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { removeDurably, writeDurably } from "@virtmesh/agent/journal/durable-file";

/** An image as a guest left it; numbers as texts, since JSON has no 64 bits. */
interface LeftImage {
  readonly path: string;
  readonly device: string;
  readonly inode: string;
  readonly size: string;
  readonly modifiedNs: string;
}

/**
 * Images that stayed behind when their guest was copied to another host: `moved/<uuid>.json`. They are stale from
 * that moment on. When the guest comes back they may give way to a new copy, as long as nobody has touched them.
 */
export class LeftImages {
  readonly #dir: string;

  constructor(stateDir: string) {
    this.#dir = join(stateDir, "moved");
  }

  /** The guest has gone and its process too: nothing writes to these any more. Durable when it resolves. */
  async remember(uuid: DomainUuid, paths: readonly string[]): Promise<void> {
    const now = (await Promise.all(paths.map(lookAt))).filter((image) => image !== undefined);
    const before = (await this.#read(uuid)).filter((image) => !paths.includes(image.path));
    await this.#write(uuid, [...before, ...now]);
  }

  /** Those of the paths that the guest left here and that are as it left them. */
  async untouched(uuid: DomainUuid, paths: readonly string[]): Promise<ReadonlySet<string>> {
    const left = (await this.#read(uuid)).filter((image) => paths.includes(image.path));
    const same = await Promise.all(
      left.map(async (image) => (isSame(image, await lookAt(image.path)) ? [image.path] : [])),
    );
    return new Set(same.flat());
  }

  /** Removes those of the paths that are untouched; what is anything else stays. */
  async clear(uuid: DomainUuid, paths: readonly string[]): Promise<void> {
    const stale = await this.untouched(uuid, paths);
    if (stale.size === 0) return;
    await Promise.all([...stale].map((path) => rm(path, { force: true })));
    await this.#write(
      uuid,
      (await this.#read(uuid)).filter((image) => !stale.has(image.path)),
    );
  }

  async #read(uuid: DomainUuid): Promise<readonly LeftImage[]> {
    try {
      return JSON.parse(await readFile(this.#path(uuid), "utf8")) as LeftImage[];
    } catch (e) {
      if (systemCode(e) === "ENOENT") return [];
      throw e;
    }
  }

  async #write(uuid: DomainUuid, images: readonly LeftImage[]): Promise<void> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    if (images.length === 0) await removeDurably(this.#path(uuid));
    else await writeDurably(this.#path(uuid), `${JSON.stringify(images, undefined, 2)}\n`);
  }

  #path(uuid: DomainUuid): string {
    return join(this.#dir, `${uuid}.json`);
  }
}

/** undefined for what is not there, or is no plain file. */
async function lookAt(path: string): Promise<LeftImage | undefined> {
  try {
    const found = await stat(path, { bigint: true });
    if (!found.isFile()) return undefined;
    return {
      path,
      device: String(found.dev),
      inode: String(found.ino),
      size: String(found.size),
      modifiedNs: String(found.mtimeNs),
    };
  } catch (e) {
    if (systemCode(e) === "ENOENT") return undefined;
    throw e;
  }
}

function isSame(left: LeftImage, now: LeftImage | undefined): boolean {
  return (
    now !== undefined &&
    left.device === now.device &&
    left.inode === now.inode &&
    left.size === now.size &&
    left.modifiedNs === now.modifiedNs
  );
}
