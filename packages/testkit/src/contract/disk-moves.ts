import { DiskMoved, DiskMoveServiceService, MoveDiskRequest } from "@virtmesh/api/gen/virtmesh/v1/disk_move";
import { freshName, Guests } from "./guests.ts";
import { answerOf, perform } from "./long-work.ts";
import { needing, sharedSubject, type SubjectKind } from "./subject.ts";

/** Disks of guests that run, moved to other storage of their host. */
export function diskMoveContract(kind: SubjectKind): void {
  describe(`disks that move (${kind.name})`, () => {
    const subject = sharedSubject(kind);
    const needs = needing(subject);
    const guests = new Guests(subject);
    let name = "";
    beforeEach(async () => {
      name = freshName();
      await guests.define(name);
    });
    afterEach(async () => guests.remove(name));

    const place = async (domain = name): Promise<string | undefined> =>
      (await guests.get(domain)).disks.find((d) => d.target === subject().disks.first)?.source;

    async function move(change: Partial<MoveDiskRequest>): Promise<DiskMoved> {
      const { uri, disks } = subject();
      const request = MoveDiskRequest.fromPartial({ uri, domain: name, disk: disks.first, ...change });
      return answerOf(await perform(subject(), DiskMoveServiceService.moveDisk, request), DiskMoved);
    }

    needs("diskMoves.move")("are at the new place, for what runs and for the next start", async () => {
      await guests.start(name);
      const path = subject().newPath(name);
      const previousPath = await place();
      expect(await move({ path })).toMatchObject({ path, previousPath, previousRemoved: false });
      expect(await place()).toBe(path);
      expect(await guests.xml(name, { inactive: true })).toContain(path);
    });

    needs("diskMoves.move")("leave nothing behind when that was asked for", async () => {
      await guests.start(name);
      const previousPath = await place();
      const path = subject().newPath(name);
      expect(await move({ path, removeSource: true })).toMatchObject({ previousRemoved: true });
      // The old place is free again.
      expect(await move({ path: previousPath ?? "" })).toMatchObject({ previousPath: path });
    });

    needs("diskMoves.move")("are refused where something lies, and stay where they are", async () => {
      await guests.start(name);
      const there = await place();
      await expect(move({ path: there ?? "" })).rejects.toMatchObject({ reason: "ALREADY_EXISTS" });
      await expect(move({ path: "not/absolute" })).rejects.toMatchObject({ reason: "INVALID_FIELD" });
      const path = subject().newPath(name);
      await expect(move({ path, format: "vmdk" })).rejects.toMatchObject({ reason: "INVALID_FIELD" });
      await expect(move({ path, disk: "vdz" })).rejects.toMatchObject({ reason: "DEVICE_NOT_FOUND" });
      expect(await place()).toBe(there);
    });

    needs("diskMoves.move")("belong to guests that run", async () => {
      const path = subject().newPath(name);
      await expect(move({ path })).rejects.toMatchObject({ reason: "DOMAIN_NOT_RUNNING" });
      await expect(move({ path, domain: "nobody" })).rejects.toMatchObject({ reason: "DOMAIN_NOT_FOUND" });
    });
  });
}
