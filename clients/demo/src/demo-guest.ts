import { createCipheriv, randomUUID } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { DomainServiceService } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { HostServiceService } from "@virtmesh/api/gen/virtmesh/v1/host";
import type { GuestImage } from "@virtmesh/lab/guest/build";
import type { Beat, HeartbeatCollector } from "@virtmesh/lab/guest/heartbeat";
import { testGuestXml } from "@virtmesh/lab/guest/xml";
import type { MeshHost } from "@virtmesh/lab/launcher";
import type { RunningMesh } from "@virtmesh/lab/mesh";

export const GUEST = "demo";
export const BLOCK_BYTES = 65536;
export const WRITTEN_BYTES = 64 * 1024 * 1024;
export const STILL_BYTES = 192 * 1024 * 1024;
const PERIOD_US = 5000;
const FIRST_WRITES = 50;

/** Paths of the guest's two disks: one written all the time, one never. */
export interface DemoDisks {
  readonly written: string;
  readonly still: string;
}

export function disksOn(host: MeshHost): DemoDisks {
  return { written: join(host.imageDir, "vda.raw"), still: join(host.imageDir, "vdb.raw") };
}

/** Disks full of noise: a copy of nothing but zeroes would prove little and take no time. */
export async function makeDisks(host: MeshHost): Promise<void> {
  const disks = disksOn(host);
  await writeNoise(disks.written, WRITTEN_BYTES);
  await writeNoise(disks.still, STILL_BYTES);
}

async function writeNoise(path: string, bytes: number): Promise<void> {
  const key = Buffer.alloc(16, path);
  const cipher = createCipheriv("aes-128-ctr", key, Buffer.alloc(16));
  const chunk = Buffer.alloc(4 * 1024 * 1024);
  await using file = await open(path, "w");
  for (let at = 0; at < bytes; at += chunk.length) await file.write(cipher.update(chunk));
}

/** KVM where both agents have seen it run a guest, or emulation. */
export async function acceleratorOf(mesh: RunningMesh): Promise<"kvm" | "qemu"> {
  const hosts = await Promise.all(
    mesh.hosts.map(({ uri }) => mesh.unary(HostServiceService.getHost, { uri })),
  );
  return hosts.every((host) => host.accelerators.includes("kvm")) ? "kvm" : "qemu";
}

/** Defines and starts the guest, and waits until it counts and has written for a moment. */
export async function startGuest(
  mesh: RunningMesh,
  host: MeshHost,
  image: GuestImage,
  collector: HeartbeatCollector,
  socket: string,
  type: "kvm" | "qemu",
  signal: AbortSignal,
): Promise<Beat> {
  const disks = disksOn(host);
  const xml = testGuestXml({
    name: GUEST,
    type,
    image,
    disks: [{ path: disks.written }, { path: disks.still }],
    heartbeat: { socket, periodUs: PERIOD_US },
    writers: [{ disk: "vda", blockBytes: BLOCK_BYTES, periodUs: PERIOD_US }],
    memoryCounter: { mib: 8, periodUs: 2000 },
  });
  const up = collector.next(
    (beat) => (beat.finishedWrites[0] ?? 0) >= FIRST_WRITES,
    AbortSignal.any([signal, AbortSignal.timeout(60_000)]),
  );
  const define = { uri: host.uri, requestId: randomUUID(), xml, validateOnly: false, etag: "" };
  const start = { uri: host.uri, requestId: randomUUID(), domain: GUEST, paused: false, forceBoot: false };
  await Promise.all([
    up,
    mesh
      .unary(DomainServiceService.defineDomain, define)
      .then(async () => await mesh.unary(DomainServiceService.startDomain, start)),
  ]);
  return await up;
}
