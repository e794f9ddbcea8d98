import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { parseUuid } from "@virtmesh/core/ids";
import { parseDomain } from "@virtmesh/documents/domain/document";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { identified, persistentXml } from "./definition.ts";
import { removeDurably, writeDurably } from "../journal/durable-file.ts";

export interface StoredGuest {
  readonly definition: IdentifiedDomain;
  readonly autostart: boolean;
}

/** The persistent guests: `domains/<uuid>.xml`, and an empty file `autostart/<uuid>` for each that starts by itself. */
export class DefinitionStore {
  /** Makes the folders. */
  static async open(stateDir: string): Promise<DefinitionStore> {
    const store = new DefinitionStore(stateDir);
    await mkdir(store.#domains, { recursive: true, mode: 0o700 });
    await mkdir(store.#autostarts, { recursive: true });
    return store;
  }

  readonly #domains: string;
  readonly #autostarts: string;

  private constructor(stateDir: string) {
    this.#domains = join(stateDir, "domains");
    this.#autostarts = join(stateDir, "autostart");
  }

  /**
   * Every guest that is stored. One that cannot be read is left where it is and handed to `onDamaged`: it must not
   * keep the others from being served.
   */
  async load(onDamaged: (error: VirtError) => void): Promise<readonly StoredGuest[]> {
    const autostarts = new Set(await readdir(this.#autostarts));
    const files = (await readdir(this.#domains)).filter((name) => name.endsWith(".xml"));
    const loaded = await Promise.all(
      files.map(async (file): Promise<readonly StoredGuest[]> => {
        const path = join(this.#domains, file);
        try {
          const definition = identified(parseDomain(await readFile(path, "utf8")));
          if (parseUuid(file.slice(0, -".xml".length)) !== definition.uuid) {
            throw new VirtError("XML_INVALID", `it holds the guest ${definition.uuid}`);
          }
          return [{ definition, autostart: autostarts.has(definition.uuid) }];
        } catch (e) {
          onDamaged(
            new VirtError("XML_INVALID", `the definition in ${path} cannot be used`, {}, { cause: e }),
          );
          return [];
        }
      }),
    );
    return loaded.flat();
  }

  async save(definition: IdentifiedDomain): Promise<void> {
    await writeDurably(this.#file(definition.uuid), persistentXml(definition));
  }

  async remove(uuid: DomainUuid): Promise<void> {
    await this.setAutostart(uuid, false);
    await removeDurably(this.#file(uuid));
  }

  async setAutostart(uuid: DomainUuid, autostart: boolean): Promise<void> {
    const path = join(this.#autostarts, uuid);
    await (autostart ? writeDurably(path, "") : removeDurably(path));
  }

  #file(uuid: DomainUuid): string {
    return join(this.#domains, `${uuid}.xml`);
  }
}
