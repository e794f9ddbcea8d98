import { MigrationPhase, type MigrationTuning } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import type { LibvirtPair } from "../libvirt/pair.ts";
import { LibvirtSession } from "../libvirt/session.ts";
import type { MeshClient } from "../mesh-client.ts";
import type { Run } from "../migration/scene.ts";
import type { Scenery } from "./injections.ts";

/** Slow enough that a fault meets the copy while it is under way: 256 MiB take more than six seconds. */
const COPY_MIB_PER_SECOND = 40;

/** How a migration that met a fault came to its end. */
export interface End {
  /** By `performance.now()`. */
  readonly at: number;
  /** What the user is told; empty when the guest was moved. */
  readonly error: string;
}

/** Somebody whose migration meets the faults. */
export interface Victim {
  readonly name: string;
  readonly needsImages: boolean;
  readonly daemon: Scenery["daemon"];
  start(run: Run): Promise<void>;
  /** Begins a migration; `copying` resolves when the disks are being copied. */
  migrate(run: Run): { readonly copying: Promise<void>; readonly end: Promise<End> };
  /** Whether the guest runs on the source and nothing is done to it any more. */
  isSafe(run: Run): Promise<boolean>;
  /** After the fault was mended: everything of the guest goes, and both sides are ready for the next. */
  recover(run: Run): Promise<void>;
}

export class VirtmeshVictim implements Victim {
  readonly name = "virtmesh";
  readonly needsImages = false;
  readonly #client: MeshClient;

  constructor(client: MeshClient) {
    this.#client = client;
  }

  get daemon(): Scenery["daemon"] {
    return this.#client.b.agent;
  }

  async start(run: Run): Promise<void> {
    await this.#client.start(run);
  }

  migrate(run: Run): { readonly copying: Promise<void>; readonly end: Promise<End> } {
    const copying = Promise.withResolvers<void>();
    const ending = this.#client.migrate(run, { tuning: slow(), plaintext: true }, (phase) => {
      if (phase >= MigrationPhase.MIGRATION_PHASE_COPYING_DISKS) copying.resolve();
    });
    ending.catch(copying.reject);
    const end = ending.then(({ ended, outcome }) => ({
      at: ended,
      error: VirtError.is(outcome) ? messageOf(outcome) : "",
    }));
    return { copying: copying.promise, end };
  }

  async isSafe(run: Run): Promise<boolean> {
    return await this.#client.isSafe(run);
  }

  async recover(run: Run): Promise<void> {
    await this.#client.mesh.complete();
    await this.#client.remove(run);
  }
}

export class LibvirtVictim implements Victim {
  readonly name = "libvirt";
  readonly needsImages = true;
  readonly #pair: LibvirtPair;

  constructor(pair: LibvirtPair) {
    this.#pair = pair;
  }

  get daemon(): Scenery["daemon"] {
    return this.#pair.destination;
  }

  async start(run: Run): Promise<void> {
    await this.#pair.start(run);
  }

  migrate(run: Run): { readonly copying: Promise<void>; readonly end: Promise<End> } {
    const { session } = this.#pair;
    const copying = session.seen(
      ({ domain, event, data }) =>
        domain === run.name && event === "JOB_STATUS_CHANGE" && data["status"] === "running",
      session.events.length,
    );
    const end = this.#pair.migrate(run, COPY_MIB_PER_SECOND).then(({ ended, error }) => ({
      at: ended,
      error: error ?? "",
    }));
    return { copying: copying.then(() => undefined), end };
  }

  async isSafe(run: Run): Promise<boolean> {
    const { result } = await this.#pair.session.call({ op: "state", host: "a", domain: run.name });
    const state = result as { readonly running: boolean; readonly job: number; readonly blockJobs: number };
    return state.running && state.job === 0 && state.blockJobs === 0;
  }

  /** With connections of its own: those of before may not have survived. */
  async recover(run: Run): Promise<void> {
    const { source, destination } = this.#pair;
    await using session = await LibvirtSession.open({ a: source.uri, b: destination.uri }, false);
    for (const host of ["a", "b"]) await session.call({ op: "stop", host, domain: run.name });
  }
}

function slow(): MigrationTuning {
  const limit = BigInt(COPY_MIB_PER_SECOND * 2 ** 20);
  return {
    memoryBandwidthBytesPerSecond: limit,
    diskBandwidthBytesPerSecond: limit,
    maxDowntime: undefined,
  };
}
