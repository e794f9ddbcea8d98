import type { Call } from "@virtmesh/core/call";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { ResumeState, SavedState, SavedStateFacet } from "@virtmesh/core/driver/saved-state";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { compareAbi } from "@virtmesh/documents/domain/abi";
import { formatDomain } from "@virtmesh/documents/domain/document";
import { type Definition, readDefinition } from "./definition.ts";
import { currentDefinition, infoOf, type Instance, type SavedGuest } from "./guest.ts";
import type { Hypervisor } from "./hypervisor.ts";

/** Saved guests in memory: the paths are names of files that no file system has. */
export class TestSavedState implements SavedStateFacet {
  readonly #hypervisor: Hypervisor;
  readonly #files = new Map<string, SavedGuest>();

  constructor(hypervisor: Hypervisor) {
    this.#hypervisor = hypervisor;
  }

  async save(uuid: DomainUuid, path: string, resume: ResumeState, c: Call): Promise<DomainInfo> {
    if (this.#files.has(path)) {
      throw new VirtError("ALREADY_EXISTS", `there is a file ${path} already, it is not replaced`, {
        resource: { type: "file", name: path },
      });
    }
    const { guest, instance } = this.#hypervisor.running(uuid);
    await currentDefinition(guest).plan.before("save", c);
    this.#files.set(path, savedOf(instance, resume));
    this.#hypervisor.stop(guest, "saved", c);
    return infoOf(guest);
  }

  async inspect(path: string, form: { readonly secure: boolean }): Promise<SavedState> {
    const { definition, running } = this.#file(path);
    const { model } = definition;
    const xml = formatDomain(model, { secure: form.secure, inactive: true });
    return { parsed: { uuid: model.uuid, name: model.name, uuidGenerated: false, xml }, running };
  }

  async restore(
    path: string,
    options: { readonly resume: ResumeState; readonly xml: string },
    c: Call,
  ): Promise<DomainInfo> {
    const saved = this.#file(path);
    const definition = options.xml === "" ? saved.definition : replacement(saved.definition, options.xml);
    const { uuid, name } = definition.model;
    this.#hypervisor.checkFree(uuid, name);
    await definition.plan.before("restore", c);
    const state = runs(saved.running, options.resume) ? "running" : "paused";
    return infoOf(this.#hypervisor.start(definition, state, "restored", c));
  }

  async managedSave(uuid: DomainUuid, resume: ResumeState, c: Call): Promise<DomainInfo> {
    const { guest, instance } = this.#hypervisor.running(uuid);
    await currentDefinition(guest).plan.before("managedSave", c);
    guest.saved = savedOf(instance, resume);
    this.#hypervisor.stop(guest, "saved", c);
    return infoOf(guest);
  }

  async removeManaged(uuid: DomainUuid, c: Call): Promise<void> {
    const guest = this.#hypervisor.get(uuid);
    await currentDefinition(guest).plan.before("removeManagedSave", c);
    guest.saved = undefined;
  }

  #file(path: string): SavedGuest {
    const found = this.#files.get(path);
    if (found !== undefined) return found;
    throw new VirtError("FILE_NOT_FOUND", `there is no file ${path} with a saved guest`, {
      resource: { type: "file", name: path },
    });
  }
}

function savedOf({ definition, state }: Instance, resume: ResumeState): SavedGuest {
  return { definition, running: runs(state === "running", resume) };
}

function runs(ran: boolean, resume: ResumeState): boolean {
  return resume === "asSaved" ? ran : resume === "running";
}

function replacement(saved: Definition, xml: string): Definition {
  const { definition } = readDefinition(xml);
  const [first] = compareAbi(saved.model, definition.model);
  if (first === undefined) return definition;
  throw new VirtError(
    "ABI_MISMATCH",
    `the definition does not fit what was saved: ${first.path} was "${first.from}" and would be "${first.to}"`,
  );
}
