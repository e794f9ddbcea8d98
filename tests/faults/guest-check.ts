import { randomUUID } from "node:crypto";
import { DomainServiceService } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { verifyWritten } from "@virtmesh/lab/guest/verify";
import { BLOCK_BYTES, DISKS, GUEST, type Stage, UNTOUCHED_FROM } from "./lab/stage.ts";

const BEAT_MS = 40_000;

/** When the guest beats again. */
export async function nextBeat({ beats }: Stage): Promise<number> {
  const last = beats.last?.sequence ?? 0;
  const beat = await beats.next((b) => b.sequence > last + 5, AbortSignal.timeout(BEAT_MS));
  return beat.arrivedMs;
}

/** Counts on from where it was, and finds every block that it wrote. @returns what is wrong */
export async function checkRunning(
  stage: Stage,
  imageOf: (disk: string) => string,
): Promise<readonly string[]> {
  const { beats, home } = stage;
  const problems: string[] = [];
  const report = beats.report();
  if (report.wentBack > 0) problems.push(`the guest's count went back ${report.wentBack} times`);
  if ((beats.last?.wrongPages ?? 0) > 0)
    problems.push(`the guest found ${beats.last?.wrongPages} wrong pages of memory`);
  const change = { uri: home.uri, domain: GUEST };
  await stage.call(home, DomainServiceService.suspendDomain, { ...change, requestId: randomUUID() });
  problems.push(...(await checkDisks(stage, imageOf)));
  await stage.call(home, DomainServiceService.resumeDomain, { ...change, requestId: randomUUID() });
  return problems;
}

/** Every block of both disks, up to the last write that the guest has said was finished. @returns what is wrong */
export async function checkDisks(
  { beats, home }: Stage,
  imageOf: (disk: string) => string,
): Promise<readonly string[]> {
  const finished = beats.last?.finishedWrites ?? [];
  const problems: string[] = [];
  for (const [writer, disk] of DISKS.entries()) {
    const written = await verifyWritten(
      { path: imageOf(disk) },
      {
        writer,
        blockBytes: BLOCK_BYTES,
        ...(disk === "vdb" ? { spanBytes: UNTOUCHED_FROM } : {}),
        atLeast: finished[writer] ?? 0,
      },
    );
    problems.push(...written.problems.map((p) => `${disk} on ${home.name}: ${p}`));
  }
  return problems;
}
