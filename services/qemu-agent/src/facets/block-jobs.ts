import type { Call } from "@virtmesh/core/call";
import type { BlockJobFacet, BlockJobInfo } from "@virtmesh/core/driver/block-jobs";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import type { Guests } from "../domain/guests.ts";

/** How long to wait for fresh numbers of jobs before those of the last event are given. */
const FRESH_TIMEOUT_MS = 500;
const COMMAND_TIMEOUT_MS = 10_000;

export class QemuBlockJobs implements BlockJobFacet {
  readonly #guests: Guests;

  constructor(guests: Guests) {
    this.#guests = guests;
  }

  async list(uuid: DomainUuid, c: Call): Promise<readonly BlockJobInfo[]> {
    const guest = this.#guests.require(uuid);
    if (guest.instance === undefined) return [];
    const { jobs } = guest;
    if (jobs.list.length === 0) return [];
    const asked = await guest
      .execute("query-block-jobs", undefined, { signal: c.signal, timeoutMs: FRESH_TIMEOUT_MS })
      // A guest that hangs delays nobody: what is known of its jobs is the answer.
      .catch(() => undefined);
    return asked === undefined ? jobs.list : jobs.withNumbers(asked);
  }

  async cancel(uuid: DomainUuid, job: string, c: Call): Promise<void> {
    const guest = this.#guests.require(uuid);
    const known = guest.jobs.find(job);
    if (known === undefined) {
      throw new VirtError("JOB_NOT_FOUND", `guest "${guest.name}" has no block job "${job}"`, {
        resource: { type: "blockJob", name: job },
      });
    }
    if (known.migrationId !== undefined) {
      throw new VirtError(
        "WRONG_STATE",
        `block job "${job}" of guest "${guest.name}" belongs to migration ${known.migrationId}; cancel the migration`,
        { resource: { type: "blockJob", name: job } },
      );
    }
    const options = { signal: c.signal, timeoutMs: COMMAND_TIMEOUT_MS };
    await guest.execute("block-job-cancel", { device: job, force: true }, options);
  }
}
