import type { Call } from "@virtmesh/core/call";
import type { MigrationOffer } from "@virtmesh/core/driver/migration";
import type { DiskExport } from "@virtmesh/core/migration/endpoints";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { formatNodeName } from "../cmdline/node-names.ts";
import { rootNode } from "../disk-moves/nodes.ts";
import type { SourceGuest } from "./source-guest.ts";

/** In seconds, as QEMU wants it (qapi/block-core.json, BlockdevOptionsNbd). */
const NBD_OPEN_TIMEOUT_S = 1;

export function jobId(offer: MigrationOffer, target: string): string {
  return `migrate-${offer.plan.id.slice(0, 8)}-${target}`;
}

/** The node of the destination's image, seen from the source over NBD. */
export function remoteNode(target: string): string {
  return `remote-${target}`;
}

/** Starts to copy one disk to where the destination serves it, unless `isUndone` meanwhile. */
export async function startMirror(
  guest: SourceGuest,
  offer: MigrationOffer,
  to: DiskExport,
  how: {
    readonly tls: { readonly object: string; readonly hostname: string } | undefined;
    /** Bytes a second; 0 without a limit. */
    readonly speed: bigint;
    readonly isUndone: () => boolean;
  },
  c: Call,
): Promise<void> {
  const { plan } = offer;
  const { qmp } = guest;
  const { target, host, port, exportName } = to;
  const id = jobId(offer, target);
  try {
    await qmp.execute(
      "blockdev-add",
      {
        driver: "nbd",
        "node-name": remoteNode(target),
        server: { type: "inet", host, port: String(port) },
        export: exportName,
        // QEMU's main loop stands still until the other side has answered: never for longer than this.
        "open-timeout": NBD_OPEN_TIMEOUT_S,
        ...(how.tls === undefined ? {} : { "tls-creds": how.tls.object, "tls-hostname": how.tls.hostname }),
      },
      { signal: c.signal },
    );
    // Rolled back meanwhile: a mirror that starts now would be nobody's.
    if (how.isUndone()) return;
    guest.expectJob({ id, disk: target, type: "mirror", migrationId: plan.id });
    const own = formatNodeName(target);
    await qmp.execute(
      "blockdev-mirror",
      {
        "job-id": id,
        device: plan.mode === "offline" ? own : ((await rootNode(qmp, target)) ?? own),
        target: remoteNode(target),
        sync: "full",
        "copy-mode": plan.copyMode,
        "on-source-error": "report",
        "on-target-error": "report",
        // The verdict of a job must outlive it: with the default a failed mirror leaves no trace to query.
        "auto-dismiss": false,
        ...(how.speed === 0n ? {} : { speed: Number(how.speed) }),
      },
      { signal: c.signal },
    );
  } catch (e) {
    throw new VirtError(
      "MIGRATION_FAILED",
      `the copy of disk ${target} could not be started: ${messageOf(e)}`,
      {},
      { cause: e },
    );
  }
}
