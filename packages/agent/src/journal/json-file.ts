import { open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf, systemCode, VirtError } from "@virtmesh/core/errors";
import { makeDir } from "./make-dir.ts";

/**
 * A small JSON document on disk, always whole: written beside, synced, and renamed over the old one. What a save
 * promised is there after a power cut. Saves that come while one is under way share the next one.
 */
export class JsonFile {
  readonly #path: string;
  readonly #content: () => unknown;
  #next: Promise<void> | undefined;
  #tail: Promise<void> = Promise.resolve();

  /** `content` is asked for at the moment of writing. */
  constructor(path: string, content: () => unknown) {
    this.#path = path;
    this.#content = content;
  }

  /** undefined when there is no file. Throws HOST_SETUP when it cannot be read or is not JSON. */
  static async read(path: string): Promise<unknown> {
    try {
      return JSON.parse(await readFile(path, "utf8"));
    } catch (cause) {
      if (systemCode(cause) === "ENOENT") return undefined;
      const hint = "put a good copy back, or move the file away to begin anew";
      throw new VirtError(
        "HOST_SETUP",
        `${path} cannot be read, ${hint}: ${messageOf(cause)}`,
        {},
        { cause },
      );
    }
  }

  /** Resolves when what the content is now is on disk. */
  save(): Promise<void> {
    this.#next ??= this.#after();
    return this.#next;
  }

  /** Resolves when nothing is being written any more. */
  settled(): Promise<void> {
    return this.#tail;
  }

  #after(): Promise<void> {
    const saving = this.#tail.then(async () => {
      this.#next = undefined;
      await this.#write();
    });
    // The failure is its callers'; the next save must not inherit it.
    this.#tail = saving.catch(() => undefined);
    return saving;
  }

  async #write(): Promise<void> {
    try {
      await makeDir(dirname(this.#path));
      const beside = `${this.#path}.new`;
      {
        await using file = await open(beside, "w", 0o640);
        await file.writeFile(`${JSON.stringify(this.#content(), undefined, 1)}\n`);
        await file.sync();
      }
      await rename(beside, this.#path);
      await using dir = await open(dirname(this.#path), "r");
      await dir.sync();
    } catch (cause) {
      throw new VirtError("HOST_SETUP", `cannot write ${this.#path}: ${messageOf(cause)}`, {}, { cause });
    }
  }
}
