import { randomBytes } from "node:crypto";
import {
  CreateVolumeRequest,
  DownloadVolumeRequest,
  ListVolumesRequest,
  ResizeVolumeRequest,
  type StoragePool,
  StoragePoolState,
  StorageServiceService as S,
  StorageVolume,
  UploadVolumeRequest,
} from "@virtmesh/api/gen/virtmesh/v1/storage";
import { freshName } from "./guests.ts";
import { answerOf, perform } from "./long-work.ts";
import { needing, sharedSubject, type SubjectKind, supports } from "./subject.ts";

const MIB = 1n << 20n;

/** Pools and volumes: found, made, filled and emptied, byte by byte. */
export function storageContract(kind: SubjectKind): void {
  describe(`storage (${kind.name})`, () => {
    const subject = sharedSubject(kind);
    const needs = needing(subject);
    const made = new Set<string>();
    let pool = "";
    let name = "";
    beforeEach(async () => {
      if (!supports(subject(), "storage.pools")) return;
      pool = (await pools())[0]?.name ?? "";
      name = `${freshName("volume")}${subject().volumeSuffix}`;
    });
    afterEach(async () => {
      for (const volume of made) await remove(volume);
      made.clear();
    });

    const pools = async (): Promise<StoragePool[]> => {
      const request = { uri: subject().uri, pageSize: 0, pageToken: "", filter: "" };
      return (await subject().client.unary(S.listPools, request)).pools;
    };
    const get = (volume: string): Promise<StorageVolume> =>
      subject().client.unary(S.getVolume, { uri: subject().uri, pool, volume });
    const list = async (more: Partial<ListVolumesRequest> = {}): Promise<string[]> => {
      const request = ListVolumesRequest.fromPartial({ uri: subject().uri, pool, ...more });
      return (await subject().client.unary(S.listVolumes, request)).volumes.map((each) => each.name);
    };
    const create = async (more: Partial<CreateVolumeRequest> = {}): Promise<StorageVolume> => {
      const about = { uri: subject().uri, pool, name, capacityBytes: 4n * MIB };
      const ended = await perform(
        subject(),
        S.createVolume,
        CreateVolumeRequest.fromPartial({ ...about, ...more }),
      );
      made.add(name);
      return answerOf(ended, StorageVolume);
    };
    const remove = async (volume: string): Promise<void> => {
      await subject().client.unary(S.deleteVolume, { uri: subject().uri, requestId: "", pool, volume });
      made.delete(volume);
    };
    const upload = async (
      data: AsyncIterable<Buffer>,
      {
        lengthBytes,
        offset = 0n,
      }: { readonly lengthBytes?: bigint | undefined; readonly offset?: bigint } = {},
    ): Promise<StorageVolume> => {
      const first = { uri: subject().uri, pool, volume: name, offset, lengthBytes };
      const { signal } = new AbortController();
      const stored = await subject().client.clientStream(S.uploadVolume, messages(first, data), signal);
      made.add(name);
      return stored;
    };
    const download = async (
      part: { readonly offset?: bigint; readonly lengthBytes?: bigint } = {},
    ): Promise<Buffer> => {
      const request = DownloadVolumeRequest.fromPartial({ uri: subject().uri, pool, volume: name, ...part });
      const { signal } = new AbortController();
      const pieces: Buffer[] = [];
      let lengthBytes: bigint | undefined;
      for await (const message of subject().client.stream(S.downloadVolume, request, signal)) {
        lengthBytes ??= message.lengthBytes;
        pieces.push(message.data);
      }
      const data = Buffer.concat(pieces);
      expect(BigInt(data.length)).toBe(lengthBytes);
      return data;
    };

    needs("storage.pools")("is in pools, which are found by name and by UUID", async () => {
      const { client, uri, host } = subject();
      const [first] = await pools();
      expect(first).toMatchObject({ host, state: StoragePoolState.STORAGE_POOL_STATE_RUNNING });
      const { uuid, capacityBytes, availableBytes } = first ?? {
        uuid: "",
        capacityBytes: 0n,
        availableBytes: 0n,
      };
      expect(capacityBytes).toBeGreaterThanOrEqual(availableBytes);
      for (const ref of [pool, uuid])
        expect(await client.unary(S.getPool, { uri, pool: ref })).toMatchObject({ name: pool, uuid });
      await expect(client.unary(S.getPool, { uri, pool: "none" })).rejects.toMatchObject({
        reason: "POOL_NOT_FOUND",
        code: "NOT_FOUND",
      });
    });

    needs("storage.create")("has volumes that are made, found by name and by path, and deleted", async () => {
      const volume = await create();
      expect(volume).toMatchObject({ pool, name, capacityBytes: 4n * MIB });
      expect(await get(name)).toMatchObject({ name, path: volume.path, format: volume.format });
      expect(await get(volume.path)).toMatchObject({ name });
      expect(await list()).toContain(name);
      await remove(name);
      expect(await list()).not.toContain(name);
      await expect(get(name)).rejects.toMatchObject({ reason: "VOLUME_NOT_FOUND", code: "NOT_FOUND" });
    });

    needs("storage.create")("has volumes of one name once", async () => {
      await create();
      await expect(create()).rejects.toMatchObject({ reason: "VOLUME_EXISTS", code: "ALREADY_EXISTS" });
    });

    needs("storage.create")("lists volumes by what they are", async () => {
      const { format } = await create();
      expect(await list({ filter: `name = "${name}" AND format = "${format}"` })).toEqual([name]);
      expect(await list({ filter: `name = "${name}" AND capacity_bytes > ${4n * MIB}` })).toEqual([]);
    });

    needs("storage.create")("refuses names that lead out of the pool, and volumes of nothing", async () => {
      for (const wrong of ["../up", "/etc/passwd", "a//b", "a\\..\\b"])
        await expect(create({ name: wrong })).rejects.toMatchObject({ reason: "INVALID_FIELD" });
      await expect(create({ capacityBytes: 0n })).rejects.toMatchObject({ reason: "INVALID_FIELD" });
      await expect(create({ format: "papyrus" })).rejects.toMatchObject({ reason: "INVALID_FIELD" });
    });

    needs("storage.create", "storage.resize")(
      "has volumes that grow, and shrink when that is said",
      async () => {
        await create();
        const resize = async (capacityBytes: bigint, shrink = false): Promise<StorageVolume> => {
          const about = { uri: subject().uri, pool, volume: name, capacityBytes, shrink };
          return answerOf(
            await perform(subject(), S.resizeVolume, ResizeVolumeRequest.fromPartial(about)),
            StorageVolume,
          );
        };
        expect(await resize(8n * MIB)).toMatchObject({ capacityBytes: 8n * MIB });
        await expect(resize(4n * MIB)).rejects.toMatchObject({ reason: "WRONG_STATE" });
        expect(await get(name)).toMatchObject({ capacityBytes: 8n * MIB });
      },
    );

    needs("storage.upload", "storage.download")("gives back the very bytes it was given", async () => {
      name = `${freshName("file")}.iso`;
      const bytes = randomBytes(3 * 1024 * 1024 + 17);
      const lengthBytes = BigInt(bytes.length);
      expect(await upload(cut(bytes), { lengthBytes })).toMatchObject({
        pool,
        name,
        capacityBytes: lengthBytes,
      });
      expect((await download()).equals(bytes)).toBe(true);
      const part = await download({ offset: 1_000_000n, lengthBytes: 70_001n });
      expect(part.equals(bytes.subarray(1_000_000, 1_070_001))).toBe(true);
      expect((await download({ offset: lengthBytes - 5n })).equals(bytes.subarray(-5))).toBe(true);
      await expect(download({ offset: lengthBytes, lengthBytes: 1n })).rejects.toMatchObject({
        reason: "INVALID_FIELD",
      });
    });

    needs("storage.upload", "storage.download")("replaces what is there as a whole", async () => {
      name = `${freshName("file")}.iso`;
      await upload(cut(Buffer.from("what was there")), { lengthBytes: 14n });
      await upload(cut(Buffer.from("another")), { lengthBytes: 7n });
      expect((await download()).toString()).toBe("another");
    });

    needs("storage.upload", "storage.download")("keeps nothing of an upload that breaks", async () => {
      name = `${freshName("file")}.iso`;
      const bytes = randomBytes(500_000);
      async function* breaking(): AsyncGenerator<Buffer> {
        yield bytes;
        throw new Error("the client's disk broke");
      }
      await expect(upload(breaking(), { lengthBytes: 1_000_000n })).rejects.toThrow("disk broke");
      await expect(get(name)).rejects.toMatchObject({ reason: "VOLUME_NOT_FOUND" });
      for (const lengthBytes of [499_999n, 500_001n])
        await expect(upload(cut(bytes), { lengthBytes })).rejects.toMatchObject({ reason: "INVALID_FIELD" });
      // Without a length nobody knows whether that was all.
      await expect(upload(cut(bytes))).rejects.toMatchObject({ reason: "INVALID_FIELD" });
      await expect(get(name)).rejects.toMatchObject({ reason: "VOLUME_NOT_FOUND" });
      await upload(cut(Buffer.from("whole")), { lengthBytes: 5n });
      await expect(upload(cut(bytes), { lengthBytes: 500_001n })).rejects.toMatchObject({
        reason: "INVALID_FIELD",
      });
      expect((await download()).toString()).toBe("whole");
    });
  });
}

async function* cut(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
}

/** An upload as it goes over the wire: what it is about in the first message only. */
async function* messages(
  first: Omit<UploadVolumeRequest, "data">,
  data: AsyncIterable<Buffer>,
): AsyncGenerator<UploadVolumeRequest> {
  yield { ...first, data: Buffer.alloc(0) };
  for await (const piece of data) yield UploadVolumeRequest.fromPartial({ data: piece });
}
