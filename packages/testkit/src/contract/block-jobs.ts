import { BlockJobServiceService } from "@virtmesh/api/gen/virtmesh/v1/block_job";
import { freshName, Guests } from "./guests.ts";
import { sharedSubject, type SubjectKind, supports } from "./subject.ts";

const B = BlockJobServiceService;

/** Work on disks, as far as it can be seen without a migration. */
export function blockJobContract(kind: SubjectKind): void {
  describe(`block jobs (${kind.name})`, () => {
    const subject = sharedSubject(kind);
    const guests = new Guests(subject);
    let name = "";
    beforeEach(async () => {
      name = freshName();
      await guests.define(name);
    });
    afterEach(async () => guests.remove(name));

    it("are none while nothing works on a guest's disks", async () => {
      const { client, uri } = subject();
      if (!supports(subject(), "blockJobs.list")) return;
      await guests.start(name);
      expect(await client.unary(B.listBlockJobs, { uri, domain: name })).toEqual({ jobs: [] });
    });

    it("cannot be cancelled when they are not there", async () => {
      const { client, uri } = subject();
      if (!supports(subject(), "blockJobs.cancel")) return;
      await guests.start(name);
      await expect(
        client.unary(B.cancelBlockJob, { uri, requestId: "", domain: name, job: "vda" }),
      ).rejects.toMatchObject({
        reason: "JOB_NOT_FOUND",
        code: "NOT_FOUND",
      });
    });

    it("belong to guests that are there", async () => {
      const { client, uri } = subject();
      if (!supports(subject(), "blockJobs.list")) return;
      await expect(client.unary(B.listBlockJobs, { uri, domain: "nobody" })).rejects.toMatchObject({
        reason: "DOMAIN_NOT_FOUND",
      });
    });
  });
}
