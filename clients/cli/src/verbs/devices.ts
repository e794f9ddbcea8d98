import { writeFile } from "node:fs/promises";
import {
  type BlockJob,
  BlockJobServiceService as blockJobs,
  blockJobStateToJSON,
  blockJobTypeToJSON,
  CancelBlockJobRequest,
  ListBlockJobsRequest,
  ListBlockJobsResponse,
} from "@virtmesh/api/gen/virtmesh/v1/block_job";
import { DomainServiceService as domains, TakeScreenshotRequest } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { clean } from "../output/table.ts";
import { enumWord, formatBytes } from "../output/units.ts";
import { resolveTarget } from "../session.ts";
import { DOMAIN_ARGUMENT, type Verb } from "../verb.ts";

export const screenshot: Verb = {
  name: "screenshot",
  group: "Devices and screens",
  summary: "write a picture of a guest's screen to a file",
  args: [
    DOMAIN_ARGUMENT,
    { name: "file", help: "where to write it; - is standard output", completes: "file" },
  ],
  options: [{ flags: "--screen <number>", help: "which screen; 0 unless given" }],
  async run(session, given) {
    const target = await resolveTarget(session, given.arg(0));
    const request = TakeScreenshotRequest.fromPartial({ ...target, screen: given.number("screen") ?? 0 });
    let type = "";
    const parts: Uint8Array[] = [];
    for await (const message of session.rpc.stream(domains.takeScreenshot, request)) {
      type ||= message.mimeType;
      parts.push(message.data);
    }
    const picture = Buffer.concat(parts);
    const file = given.arg(1);
    if (file === "-") {
      session.terminal.streams.stdout.write(picture);
      return;
    }
    // Written when it is complete: half a picture would look like one.
    await writeFile(file, picture);
    if (session.globals.json) session.terminal.object({ file, mimeType: type, bytes: picture.length });
    else
      session.terminal.say(`Screenshot of '${clean(given.arg(0))}' saved to ${clean(file)}, ${clean(type)}`);
  },
};

function jobState(job: BlockJob): string {
  const word = enumWord(blockJobStateToJSON(job.state), "BLOCK_JOB_STATE_");
  return job.error === "" ? word : `${word}: ${job.error}`;
}

export const blockjob: Verb = {
  name: "blockjob",
  group: "Devices and screens",
  summary: "the work on a guest's disks: list it, or stop one",
  args: [
    DOMAIN_ARGUMENT,
    { name: "disk", help: "only this disk (or job)", optional: true, completes: "guest-disk" },
  ],
  options: [{ flags: "--abort", help: "ask the job of that disk to stop" }],
  async run(session, given) {
    const target = await resolveTarget(session, given.arg(0));
    const answer = await session.rpc.unary(blockJobs.listBlockJobs, ListBlockJobsRequest.fromPartial(target));
    const wanted = given.arg(1);
    const jobs = answer.jobs.filter((job) => wanted === "" || job.disk === wanted || job.id === wanted);
    if (!given.flag("abort")) {
      if (session.globals.json) return session.terminal.object(ListBlockJobsResponse.toJSON({ jobs }));
      return session.terminal.table(
        [
          { title: "Disk", cell: (job) => job.disk },
          { title: "Job", cell: (job) => enumWord(blockJobTypeToJSON(job.type), "BLOCK_JOB_TYPE_") },
          { title: "State", cell: jobState },
          { title: "Done", right: true, cell: (job) => formatBytes(job.doneBytes) },
          { title: "Total", right: true, cell: (job) => formatBytes(job.totalBytes) },
          { title: "Migration", cell: (job) => job.migrationId || "-" },
        ],
        jobs,
      );
    }
    const job = wanted !== "" ? wanted : jobs.length === 1 ? (jobs[0]?.id ?? "") : "";
    const request = CancelBlockJobRequest.fromPartial({ ...target, job, requestId: crypto.randomUUID() });
    await session.rpc.unary(blockJobs.cancelBlockJob, request);
    if (session.globals.json) session.terminal.object({});
    else session.terminal.say("the job was asked to stop");
  },
};
