import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import { type DomainUuid, parseUuid } from "@virtmesh/core/ids";
import { writeDurably } from "../journal/durable-file.ts";

interface Status {
  readonly format: 1;
  readonly uuid: DomainUuid;
}

/** A folder for each guest that runs: its files, and in `status.json` what an agent must know to take it up. */
export class RunFolder<S extends Status> {
  readonly path: string;
  readonly #mode: number;

  private constructor(path: string, mode: number) {
    this.path = path;
    this.#mode = mode;
  }

  /** `mode`: of the folders in it. */
  static async open<S extends Status>(path: string, mode = 0o700): Promise<RunFolder<S>> {
    await mkdir(path, { recursive: true, mode: 0o700 });
    return new RunFolder(path, mode);
  }

  of(uuid: DomainUuid, file = ""): string {
    return join(this.path, uuid, file);
  }

  /** Makes the folder of a guest anew, without anything of an earlier run. */
  async create(uuid: DomainUuid): Promise<void> {
    await this.remove(uuid);
    await mkdir(this.of(uuid), { mode: this.#mode });
  }

  async save(status: S): Promise<void> {
    await writeDurably(this.of(status.uuid, "status.json"), `${JSON.stringify(status, undefined, 2)}\n`);
  }

  async remove(uuid: DomainUuid): Promise<void> {
    await rm(this.of(uuid), { recursive: true, force: true });
  }

  /** Every status there is; what cannot be read goes to `onDamaged` and stays. */
  async load(onDamaged: (error: VirtError) => void): Promise<readonly S[]> {
    const names = (await readdir(this.path)).filter((name) => parseUuid(name) === name);
    const loaded = await Promise.all(
      names.map(async (name): Promise<readonly S[]> => {
        const path = join(this.path, name, "status.json");
        try {
          const status = JSON.parse(await readFile(path, "utf8")) as S;
          if (status.format === 1 && status.uuid === name) return [status];
          throw new VirtError("INTERNAL", "it is not a status of this guest in a format known here");
        } catch (e) {
          onDamaged(new VirtError("INTERNAL", `the status in ${path} cannot be used`, {}, { cause: e }));
          return [];
        }
      }),
    );
    return loaded.flat();
  }
}
