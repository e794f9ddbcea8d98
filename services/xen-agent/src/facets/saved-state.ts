import { rm } from "node:fs/promises";
import type { Call } from "@virtmesh/core/call";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { ResumeState, SavedState, SavedStateFacet } from "@virtmesh/core/driver/saved-state";
import { messageOf, systemCode, VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { identified } from "@virtmesh/agent/guests/definition";
import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import { Guest } from "../guests/guest.ts";
import type { Guests } from "../guests/guests.ts";
import { destroyDomain, refusal } from "../guests/launch.ts";
import type { ManagedSaves } from "../saved/managed-saves.ts";
import { checkNew, finish, readSaved } from "../saved/saved-file.ts";
import { xl } from "../xl/xl.ts";

/** Guests whose memory lies in a file, as `xl save` writes it. */
export class XenSavedState implements SavedStateFacet {
  readonly #guests: Guests;
  readonly #managed: ManagedSaves;

  constructor(guests: Guests, managed: ManagedSaves) {
    this.#guests = guests;
    this.#managed = managed;
  }

  async save(uuid: DomainUuid, path: string, resume: ResumeState, c: Call): Promise<DomainInfo> {
    const guest = this.#guests.require(uuid);
    await this.#save(guest, path, resume, c);
    return guest.info;
  }

  async inspect(path: string, form: { readonly secure: boolean }, _c: Call): Promise<SavedState> {
    const { xml, running } = await readSaved(path);
    const definition = identified(parseDomain(xml));
    const { uuid, name } = definition;
    return { parsed: { uuid, name, uuidGenerated: false, xml: formatDomain(definition, form) }, running };
  }

  async restore(
    path: string,
    options: { readonly resume: ResumeState; readonly xml: string },
    c: Call,
  ): Promise<DomainInfo> {
    const saved = await readSaved(path);
    const before = identified(parseDomain(saved.xml));
    const definition = options.xml === "" ? before : identified(parseDomain(options.xml));
    if (definition.uuid !== before.uuid) {
      throw new VirtError(
        "ABI_MISMATCH",
        `${path} holds guest "${before.name}" with the UUID ${before.uuid}, and not ${definition.uuid}`,
      );
    }
    this.#guests.checkFree(definition.uuid, definition.name);
    const guest = this.#guests.get(definition.uuid) ?? new Guest(definition);
    if (guest.run !== undefined) {
      throw new VirtError("DOMAIN_RUNNING", `guest "${guest.name}" runs already`, {
        resource: { type: "domain", name: guest.name },
      });
    }
    const paused = options.resume === "paused" || (options.resume === "asSaved" && !saved.running);
    await this.#guests.start(guest, definition, { paused, savedState: path }, c);
    return guest.info;
  }

  async managedSave(uuid: DomainUuid, resume: ResumeState, c: Call): Promise<DomainInfo> {
    const guest = this.#guests.require(uuid);
    await this.#save(guest, this.#managed.path(uuid), resume, c);
    guest.managedSave = true;
    return guest.info;
  }

  async removeManaged(uuid: DomainUuid, _c: Call): Promise<void> {
    await this.#managed.remove(this.#guests.require(uuid));
  }

  /** Not to be broken off: a guest whose xl was killed stands still for ever. */
  async #save(guest: Guest, path: string, resume: ResumeState, c: Call): Promise<void> {
    await guest.turn(async () => {
      const run = guest.running;
      if (run.standing.state !== "running") {
        throw new VirtError(
          "WRONG_STATE",
          `guest "${guest.name}" is ${run.standing.state}, and its system has to help when it is saved; resume it first`,
          { resource: { type: "domain", name: guest.name } },
        );
      }
      await checkNew(path);
      c.signal.throwIfAborted();
      const xml = formatDomain(run.definition, { secure: true });
      try {
        // It stands still until all of it is on the disk: until then it can go on.
        await xl(["save", "-p", String(run.id), path]);
      } catch (e) {
        // It runs on; xl leaves what it has written.
        await rm(path, { force: true });
        throw notSaved(guest, path, e);
      }
      try {
        await finish(path, { xml, running: resume !== "paused" });
      } catch (e) {
        await rm(path, { force: true });
        await xl(["unpause", String(run.id)]);
        throw notSaved(guest, path, e);
      }
      await destroyDomain(run.id);
      await this.#guests.during(guest, c, () => this.#guests.saved(guest, run));
    });
  }
}

/** It runs on as it was. */
function notSaved({ name }: Guest, path: string, cause: unknown): VirtError {
  // The kernel tells Xen where its memory is as it comes up.
  if (/p2m frame list/.test(messageOf(cause))) {
    return new VirtError(
      "GUEST_REFUSED",
      `guest "${name}" could not be saved and runs on: its system, which has to help, is not up yet; save it later`,
      { resource: { type: "domain", name } },
      { cause },
    );
  }
  const isFull = systemCode(cause) === "ENOSPC" || /No space left on device/.test(messageOf(cause));
  if (!isFull) return refusal(`guest "${name}" could not be saved and runs on`, name, cause);
  return new VirtError(
    "NO_SPACE",
    `guest "${name}" could not be saved and runs on: there is no room for its memory at ${path}`,
    { resource: { type: "domain", name } },
    { cause },
  );
}
