import { BlockJobServiceService } from "@virtmesh/api/gen/virtmesh/v1/block_job";
import { freshName, Guests } from "./guests.ts";
import { needing, sharedSubject, type SubjectKind } from "./subject.ts";

const B = BlockJobServiceService;

/** Work on disks, as far as it can be seen without a migration. */
export function blockJobContract(kind: SubjectKind): void {
  describe(`block jobs (${kind.name})`, () => {
    const subject = sharedSubject(kind);
    const needs = needing(subject);
    const guests = new Guests(subject);
    let name = "";
    beforeEach(async () => {
      name = freshName();
      await guests.define(name);
    });
    afterEach(async () => guests.remove(name));

    needs("blockJobs.list")("are none while nothing works on a guest's disks", async () => {
      const { client, uri } = subject();
      await guests.start(name);
      expect(await client.unary(B.listBlockJobs, { uri, domain: name })).toEqual({ jobs: [] });
    });

    needs("blockJobs.cancel")("cannot be cancelled when they are not there", async () => {
      const { client, uri } = subject();
      await guests.start(name);
      await expect(
        client.unary(B.cancelBlockJob, { uri, requestId: "", domain: name, job: subject().disks.first }),
      ).rejects.toMatchObject({
        reason: "JOB_NOT_FOUND",
        code: "NOT_FOUND",
      });
    });

    needs("blockJobs.list")("belong to guests that are there", async () => {
      const { client, uri } = subject();
      await expect(client.unary(B.listBlockJobs, { uri, domain: "nobody" })).rejects.toMatchObject({
        reason: "DOMAIN_NOT_FOUND",
      });
    });
  });
}
