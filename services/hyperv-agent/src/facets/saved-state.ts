import type { Call } from "@virtmesh/core/call";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { ResumeState, SavedStateFacet } from "@virtmesh/core/driver/saved-state";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import type { HypervServer } from "../server.ts";
import { changePower, requireActive } from "./change-power.ts";

/** Hyper-V saves a guest in a place of its own, from which its next start goes on. */
export class HypervSavedState implements SavedStateFacet {
  readonly #server: HypervServer;

  constructor(server: HypervServer) {
    this.#server = server;
  }

  async managedSave(uuid: DomainUuid, resume: ResumeState, c: Call): Promise<DomainInfo> {
    const guest = requireActive(this.#server, uuid);
    if (resume === "paused")
      throw new VirtError(
        "UNSUPPORTED",
        `guest "${guest.name}" cannot be saved to go on paused: Hyper-V lets what was saved run`,
        { resource: { type: "domain", name: guest.name } },
      );
    return await changePower(this.#server, guest, "save", "saved", "be saved", c);
  }

  async removeManaged(uuid: DomainUuid, c: Call): Promise<void> {
    const guest = this.#server.guests.require(uuid);
    if (guest.facts.power !== "saved") return;
    await changePower(this.#server, guest, "off", "off", "forget what was saved of it", c);
  }
}
