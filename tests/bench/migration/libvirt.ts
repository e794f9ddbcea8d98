import { VirtError } from "@virtmesh/core/errors";
import type { LibvirtPair } from "../libvirt/pair.ts";
import type { LibvirtEvent } from "../libvirt/session.ts";
import { type Contender, finished, type Run, type Sample, settled } from "./scene.ts";

/** virDomainMigrateToURI3, peer to peer, with storage; the client hears QEMU's own events. */
export class Libvirt implements Contender {
  readonly name = "libvirt";
  readonly needsImages = true;
  readonly #pair: LibvirtPair;

  constructor(pair: LibvirtPair) {
    this.#pair = pair;
  }

  async migrate(run: Run): Promise<Sample> {
    const { session } = this.#pair;
    await this.#pair.start(run);
    try {
      await settled(run.beats);
      const from = session.events.length;
      const { began, ended, error } = await this.#pair.migrate(run);
      if (error !== undefined)
        throw new VirtError("INTERNAL", `libvirt did not migrate ${run.name}: ${error}`);
      const seen = session.events.slice(from).filter((e) => e.domain === run.name);
      const resumed = seen.find((e) => e.host === "b" && e.event === "RESUME")?.at ?? Number.NaN;
      const mirroring = Math.min(...seen.filter(isCreated).map((e) => e.at));
      const ready = Math.max(...seen.filter((e) => e.event === "BLOCK_JOB_READY").map((e) => e.at));
      return await finished(run, {
        began,
        preparation: mirroring - began,
        copy: ready - mirroring,
        tail: ended - resumed,
      });
    } finally {
      await this.#pair.remove(run);
    }
  }
}

function isCreated({ event, data }: LibvirtEvent): boolean {
  return event === "JOB_STATUS_CHANGE" && data["status"] === "created";
}
