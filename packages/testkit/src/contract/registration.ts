import { DomainServiceService as D, DomainState, type Domain } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { StorageServiceService as S, UploadVolumeRequest } from "@virtmesh/api/gen/virtmesh/v1/storage";
import { VirtError } from "@virtmesh/core/errors";
import { freshName, Guests } from "./guests.ts";
import { needing, sharedSubject, type SubjectKind } from "./subject.ts";

/** Guests whose files are there: made known, and forgotten without losing them. */
export function registrationContract(kind: SubjectKind): void {
  describe(`registering (${kind.name})`, () => {
    const subject = sharedSubject(kind);
    const needs = needing(subject);
    const guests = new Guests(subject);

    const register = (path: string, requestId = ""): Promise<Domain> =>
      subject().client.unary(D.registerDomain, { uri: subject().uri, requestId, path, name: "" });
    const isThere = async (pool: string, volume: string): Promise<boolean> => {
      try {
        await subject().client.unary(S.getVolume, { uri: subject().uri, pool, volume });
        return true;
      } catch (e) {
        if (VirtError.is(e) && e.code === "NOT_FOUND") return false;
        throw e;
      }
    };
    const write = async (pool: string, volume: string, text: string): Promise<void> => {
      const data = Buffer.from(text);
      async function* sending(): AsyncGenerator<UploadVolumeRequest> {
        const lengthBytes = BigInt(data.length);
        yield UploadVolumeRequest.fromPartial({ uri: subject().uri, pool, volume, lengthBytes, data });
      }
      await subject().client.clientStream(S.uploadVolume, sending(), new AbortController().signal);
    };

    needs("domains.register", "storage.upload")("brings back a guest that was undefined", async () => {
      const name = freshName();
      const { pool, volume, path } = subject().guestFile?.(name) ?? { pool: "", volume: "", path: "" };
      await guests.define(name);
      const xml = await guests.xml(name, { inactive: true, secure: true });
      await guests.undefine(name);
      // Not every hypervisor has written it down by itself.
      if (!(await isThere(pool, volume))) await write(pool, volume, xml);
      try {
        const requestId = crypto.randomUUID();
        const found = await register(path, requestId);
        expect(found).toMatchObject({ name, persistent: true, state: DomainState.DOMAIN_STATE_SHUTOFF });
        expect(await register(path, requestId)).toEqual(found);
        expect((await guests.list()).names).toContain(name);
        await expect(register(path)).rejects.toMatchObject({ reason: "DOMAIN_EXISTS" });
        await guests.undefine(name);
        expect(await isThere(pool, volume)).toBe(true);
        expect(await register(path)).toMatchObject({ name });
      } finally {
        await guests.remove(name);
      }
    });

    needs("domains.register", "storage.upload")("is refused without a file", async () => {
      const { path } = subject().guestFile?.(freshName()) ?? { path: "" };
      await expect(register(path)).rejects.toMatchObject({ reason: "FILE_NOT_FOUND", code: "NOT_FOUND" });
      await expect(register("")).rejects.toMatchObject({ reason: "INVALID_FIELD" });
    });
  });
}
