import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { identified } from "@virtmesh/agent/guests/definition";
import type { Call } from "@virtmesh/core/call";
import type { DomainUuid } from "@virtmesh/core/ids";
import { parseDomain } from "@virtmesh/documents/domain/document";
import type { Guest } from "../guests/guest.ts";
import type { Guests } from "../guests/guests.ts";
import { readSaved } from "./saved-file.ts";

/** What guests go on from at their next start: `<uuid>.save`. */
export class ManagedSaves {
  readonly #dir: string;
  readonly #guests: Guests;

  private constructor(dir: string, guests: Guests) {
    this.#dir = dir;
    this.#guests = guests;
  }

  static async open(stateDir: string, guests: Guests): Promise<ManagedSaves> {
    const dir = join(stateDir, "saves");
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const saves = new ManagedSaves(dir, guests);
    const files = new Set(await readdir(dir));
    for (const guest of guests.all()) guest.managedSave = files.has(`${guest.uuid}.save`);
    return saves;
  }

  path(uuid: DomainUuid): string {
    return join(this.#dir, `${uuid}.save`);
  }

  /** Goes on from what was saved, which is used up then. */
  async startFrom(guest: Guest, options: { readonly paused: boolean }, c: Call): Promise<void> {
    const savedState = this.path(guest.uuid);
    const { xml, running } = await readSaved(savedState);
    // What was saved is what goes on, whatever the definition for the next boot says by now.
    const definition = identified(parseDomain(xml));
    await this.#guests.start(guest, definition, { paused: options.paused || !running, savedState }, c);
    await this.remove(guest);
  }

  async remove(guest: Guest): Promise<void> {
    await rm(this.path(guest.uuid), { force: true });
    guest.managedSave = false;
  }
}
