import type { Duration } from "@virtmesh/api/gen/google/protobuf/duration";
import { VirtError } from "@virtmesh/core/errors";
import type { MeshClient } from "../mesh-client.ts";
import { type Contender, finished, type Run, type Sample, settled } from "./scene.ts";

/** MigrateDomain through the gateway, as a user does it. */
export class Virtmesh implements Contender {
  readonly name: string;
  /** The destination agent makes them. */
  readonly needsImages = false;
  readonly #client: MeshClient;
  readonly #plaintext: boolean;

  /** `plaintext`: memory and disks in the clear, as the others have it; calls are encrypted either way. */
  constructor(client: MeshClient, plaintext: boolean) {
    this.name = plaintext ? "virtmesh" : "virtmesh-tls";
    this.#client = client;
    this.#plaintext = plaintext;
  }

  async migrate(run: Run): Promise<Sample> {
    await this.#client.start(run);
    try {
      await settled(run.beats);
      const { began, outcome } = await this.#client.migrate(run, { plaintext: this.#plaintext });
      if (VirtError.is(outcome)) throw outcome;
      return await finished(run, {
        began,
        preparation: millis(outcome.preparationTime),
        copy: millis(outcome.diskCopyTime),
        tail: millis(outcome.tailTime),
        parts: {
          memory: millis(outcome.memoryCopyTime),
          downtime: millis(outcome.downtime),
          device_state: millis(outcome.deviceStateTime),
          decision: millis(outcome.decisionTime),
        },
      });
    } finally {
      await this.#client.remove(run);
    }
  }
}

function millis(duration: Duration | undefined): number {
  return duration === undefined ? Number.NaN : Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}
