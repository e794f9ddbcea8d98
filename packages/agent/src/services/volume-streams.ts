import type {
  DownloadVolumeRequest,
  DownloadVolumeResponse,
  StorageVolume,
  UploadVolumeRequest,
} from "@virtmesh/api/gen/virtmesh/v1/storage";
import type { Call } from "@virtmesh/core/call";
import { need } from "@virtmesh/core/driver/driver";
import { VirtError } from "@virtmesh/core/errors";
import { invalidField } from "../convert/field.ts";
import { toWireVolume } from "../convert/storage.ts";
import { exactly, piecesOf } from "./byte-streams.ts";
import type { ServiceContext } from "./context.ts";
import { findPool, findVolume, requireVolumeName } from "./volumes.ts";

/** Stores what the client sends, as fast as the driver takes it. */
export async function uploadVolume(
  c: ServiceContext,
  requests: AsyncIterable<UploadVolumeRequest>,
  call: Call,
): Promise<StorageVolume> {
  const incoming = requests[Symbol.asyncIterator]();
  const first = await incoming.next();
  if (first.done === true)
    throw new VirtError("INVALID_FIELD", "nothing was uploaded: the first message must name the volume");
  const { uri, offset, lengthBytes, data } = first.value;
  c.checkUri(uri);
  const upload = need(c.driver, "storage", "upload");
  const volume = requireVolumeName("volume", first.value.volume);
  const { name: pool } = await findPool(c, first.value.pool, call);
  let said = lengthBytes;
  async function* sent(): AsyncGenerator<Uint8Array> {
    if (data.length > 0) yield data;
    for await (const message of { [Symbol.asyncIterator]: () => incoming }) {
      said ??= message.lengthBytes;
      if (message.data.length > 0) yield message.data;
    }
  }
  const content = exactly(sent(), () => said, {
    short: (bytes) =>
      said === undefined
        ? invalidField(
            "length_bytes",
            "was not said until the end: say it in the first message or in the last",
          )
        : invalidField("data", `ended after ${bytes} bytes, length_bytes says ${said}`),
    long: (bytes) => invalidField("data", `is longer than the ${bytes} bytes of length_bytes`),
  });
  const stored = await upload(pool, volume, { offset, lengthBytes }, content, call);
  return toWireVolume(stored, pool);
}

/** What a volume holds, read as fast as the client takes it. */
export async function* downloadVolume(
  c: ServiceContext,
  request: DownloadVolumeRequest,
  call: Call,
): AsyncGenerator<DownloadVolumeResponse, void, undefined> {
  const download = need(c.driver, "storage", "download");
  const { offset, lengthBytes: wanted } = request;
  const { pool, volume } = await findVolume(c, request, call);
  const { name } = volume;
  await using content = await download(pool, name, { offset, lengthBytes: wanted }, call);
  const { lengthBytes } = content;
  const broken = (bytes: bigint): VirtError =>
    new VirtError(
      "HYPERVISOR_FAILED",
      `volume "${name}" was to give ${lengthBytes} bytes and gave ${bytes === lengthBytes ? "more" : bytes}; it was changed meanwhile, or the connection broke`,
      { resource: { type: "volume", name } },
    );
  yield { lengthBytes, data: Buffer.alloc(0) };
  const data = exactly(content.data, () => lengthBytes, { short: broken, long: broken });
  for await (const piece of piecesOf(data)) yield { lengthBytes: 0n, data: Buffer.from(piece) };
}
