import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import { type Fact, readTestProgram } from "./program/facts.ts";

/** The `tests` folder of a libvirt source tree, as it is on this machine. */
export class Corpus {
  readonly dir: string;
  readonly #programs = new Map<string, readonly Fact[]>();

  constructor(dir: string) {
    this.dir = resolve(dir);
    if (!existsSync(join(this.dir, "virschematest.c"))) {
      throw new VirtError(
        "FILE_NOT_FOUND",
        `${this.dir} is not the tests folder of a libvirt source tree: it has no virschematest.c`,
      );
    }
  }

  /** The source tree itself. */
  get source(): string {
    return dirname(this.dir);
  }

  path(...parts: readonly string[]): string {
    return resolve(this.dir, ...parts);
  }

  has(...parts: readonly string[]): boolean {
    return existsSync(this.path(...parts));
  }

  read(...parts: readonly string[]): string {
    return readFileSync(this.path(...parts), "utf8");
  }

  bytes(...parts: readonly string[]): Uint8Array {
    return readFileSync(this.path(...parts));
  }

  /** The names in a folder, in order; none where there is no such folder. */
  list(folder: string, extension = ".xml"): readonly string[] {
    if (!this.has(folder)) return [];
    return readdirSync(this.path(folder))
      .filter((name) => name.endsWith(extension))
      .sort();
  }

  /** The first of these folders that there is: newer trees have renamed some. */
  folder(...names: readonly string[]): string {
    return names.find((name) => this.has(name)) ?? names[0] ?? "";
  }

  /** What a test program of libvirt says about its cases; nothing where this tree has no such program. */
  program(...names: readonly string[]): readonly Fact[] {
    const name = names.find((candidate) => this.has(candidate));
    if (name === undefined) return [];
    const known = this.#programs.get(name);
    if (known !== undefined) return known;
    const facts = readTestProgram(this.read(name), {
      abs_srcdir: this.dir,
      abs_builddir: this.dir,
      abs_top_srcdir: this.source,
    });
    this.#programs.set(name, facts);
    return facts;
  }
}
