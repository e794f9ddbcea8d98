import { existsSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { DomainServiceService } from "@virtmesh/api/gen/virtmesh/v1/domain";
import type { HeartbeatCollector, HeartbeatReport } from "@virtmesh/lab/guest/heartbeat";
import { compareImages, verifyWritten } from "@virtmesh/lab/guest/verify";
import type { MeshHost } from "@virtmesh/lab/launcher";
import type { RunningMesh } from "@virtmesh/lab/mesh";
import { BLOCK_BYTES, disksOn, GUEST } from "./demo-guest.ts";
import type { Evidence } from "./verdict.ts";

const PLAN = { writer: 0, blockBytes: BLOCK_BYTES };

/** Pauses the guest for a moment, reads what its disks hold, and lets it go on. */
export async function gatherEvidence(
  mesh: RunningMesh,
  from: MeshHost,
  to: MeshHost,
  collector: HeartbeatCollector,
  heartbeat: HeartbeatReport,
): Promise<Evidence> {
  const request = { uri: to.uri, domain: GUEST };
  await mesh.unary(DomainServiceService.suspendDomain, { ...request, requestId: randomUUID() });
  try {
    const [source, destination] = [disksOn(from), disksOn(to)];
    // Every write it told of before it was paused must be there.
    const atLeast = collector.last?.finishedWrites[0] ?? 0;
    const written = await verifyWritten({ path: destination.written }, { ...PLAN, atLeast });
    const writtenSource = existsSync(source.written)
      ? await verifyWritten({ path: source.written }, PLAN)
      : undefined;
    const still = await compareImages({ path: source.still }, { path: destination.still });
    return { heartbeat, written, writtenSource, still };
  } finally {
    await mesh.unary(DomainServiceService.resumeDomain, { ...request, requestId: randomUUID() });
  }
}
