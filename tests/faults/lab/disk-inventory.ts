import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { BlockJobServiceService } from "@virtmesh/api/gen/virtmesh/v1/block_job";
import { DomainServiceService, DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { MOVED_DISK } from "../cells/disk-moments.ts";
import type { Findings } from "./inventory.ts";
import { DISKS, type Stage, type StageHost } from "./stage.ts";

/** A disk's move, looked at from outside. */
export interface DiskFindings {
  /** Moved: the definitions name the new image. */
  readonly outcome: Findings["outcome"];
  /** The image that the definition names. */
  readonly at: string;
  readonly leftovers: readonly string[];
}

export interface DiskMoveBefore {
  readonly id: string;
  readonly host: StageHost;
  readonly from: string;
  readonly to: string;
}

/** Which image the guest uses, and everything that may be left behind. */
export async function lookAtDisk(stage: Stage, move: DiskMoveBefore): Promise<DiskFindings> {
  const { host, id, from, to } = move;
  const [guest, pids, operation] = await Promise.all([
    stage.guestOn(host),
    stage.hypervisors(host),
    stage.call(host, OperationServiceService.getOperation, { uri: host.uri, name: `operations/${id}` }),
  ]);
  const left: string[] = [];
  if (!operation.done) left.push("the operation is not over");
  const isRunning = guest?.state === DomainState.DOMAIN_STATE_RUNNING;
  if (pids.length !== (isRunning ? 1 : 0))
    left.push(
      `${host.name} has ${pids.length} QEMU processes, and the guest ${isRunning ? "runs" : "does not"}`,
    );
  const [live = "", kept = ""] = await Promise.all([false, true].map((i) => definedAt(stage, host, i)));
  if (live !== kept) left.push(`what runs names ${live}, and what is kept ${kept}`);
  if (live !== from && live !== to) left.push(`the definition names ${live}`);
  const expected = [...DISKS.filter((d) => d !== MOVED_DISK).map((d) => `${d}.raw`), basename(live)];
  const found = await readdir(host.imageDir);
  if (found.toSorted().join() !== expected.toSorted().join())
    left.push(`${host.name} has the images ${found.join(", ")}, not ${expected.join(", ")}`);
  for (const file of await readdir(join(host.stateDir, "disk-moves")).catch(() => []))
    left.push(`${host.name} has disk-moves/${file}`);
  if (isRunning) {
    const request = { uri: host.uri, domain: stage.uuid };
    const { jobs } = await stage.call(host, BlockJobServiceService.listBlockJobs, request);
    left.push(...jobs.map((j) => `${host.name} has a block job ${j.id}`));
  }
  const ran = live === to ? "moved" : "stayed";
  return { outcome: isRunning ? ran : pids.length > 0 ? "paused" : "nowhere", at: live, leftovers: left };
}

async function definedAt(stage: Stage, host: StageHost, inactive: boolean): Promise<string> {
  const { xml } = await stage.call(host, DomainServiceService.getDomainXml, {
    ...{ uri: host.uri, domain: stage.uuid, inactive, secure: false, migratable: false },
  });
  const disk = xml
    .split("</disk>")
    .find((part) => new RegExp(`<target dev=["']${MOVED_DISK}["']`).test(part));
  return /<source file=["']([^"']+)["']/.exec(disk?.slice(disk.lastIndexOf("<disk")) ?? "")?.[1] ?? "";
}
