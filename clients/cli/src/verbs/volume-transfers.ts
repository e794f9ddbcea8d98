import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  DownloadVolumeRequest,
  StorageServiceService as storage,
  StorageVolume,
  UploadVolumeRequest,
} from "@virtmesh/api/gen/virtmesh/v1/storage";
import { VirtError } from "@virtmesh/core/errors";
import { fileNotFound } from "../files.ts";
import { clean } from "../output/table.ts";
import { TransferProgress } from "../output/transfer.ts";
import { formatBytes } from "../output/units.ts";
import type { Session } from "../session.ts";
import { parseSize } from "../sizes.ts";
import type { Given, Verb, VerbOption } from "../verb.ts";
import { IN_POOL, VOLUME, volumeOf } from "./volumes.ts";

/** Size of the pieces of a file that are sent: far below the longest message. */
const PIECE_BYTES = 256 * 1024;

const PART: readonly VerbOption[] = [
  { flags: "--offset <bytes>", help: "where in the volume to begin; 0 unless given" },
  { flags: "--length <bytes>", help: "how much; all there is unless given" },
];

function partOf(given: Given): { readonly offset: bigint; readonly length: bigint | undefined } {
  const [offset, length] = [given.text("offset"), given.text("length")];
  return {
    offset: offset === "" ? 0n : parseSize("--offset", offset, "B"),
    length: length === "" ? undefined : parseSize("--length", length, "B"),
  };
}

export const volUpload: Verb = {
  name: "vol-upload",
  group: "Storage",
  summary: "write a file into a volume; one that is not there is made of it",
  args: [VOLUME, { name: "file", help: "what to upload; - is standard input", completes: "file" }],
  options: [IN_POOL, ...PART],
  notes:
    "A volume that is there is replaced when all has arrived; an upload that breaks leaves it as it was.\n" +
    "With --offset a part of it is overwritten, where the hypervisor can.",
  async run(session, given) {
    const target = await volumeOf(session, given);
    const file = given.arg(1);
    const { offset, length } = partOf(given);
    const lengthBytes = length ?? (file === "-" ? undefined : await sizeOf(file));
    using progress = new TransferProgress(session.terminal, target.volume, lengthBytes);
    const first = { ...target, offset, lengthBytes };
    const volume = await session.rpc.upload(
      storage.uploadVolume,
      uploading(first, piecesOf(session, file, lengthBytes), progress),
    );
    if (session.globals.json) session.terminal.object(StorageVolume.toJSON(volume));
    else
      session.terminal.say(
        `Uploaded ${formatBytes(progress.doneBytes)} to '${clean(target.volume)}' in pool '${clean(volume.pool)}'`,
      );
  },
};

async function sizeOf(file: string): Promise<bigint> {
  try {
    return (await stat(file, { bigint: true })).size;
  } catch (cause) {
    throw fileNotFound(file, cause);
  }
}

function piecesOf(session: Session, file: string, length: bigint | undefined): AsyncIterable<Uint8Array> {
  if (file === "-") return session.terminal.streams.stdin;
  if (length === 0n) return Readable.from([]);
  // No more than was said, should the file grow meanwhile.
  const end = length === undefined ? {} : { end: Number(length) - 1 };
  return createReadStream(file, { highWaterMark: PIECE_BYTES, ...end });
}

/** What is uploaded, with its length in the first message, or in the last when only then it is known. */
async function* uploading(
  first: Omit<UploadVolumeRequest, "data">,
  data: AsyncIterable<Uint8Array>,
  progress: TransferProgress,
): AsyncGenerator<UploadVolumeRequest> {
  yield UploadVolumeRequest.fromPartial(first);
  for await (const piece of data) {
    yield UploadVolumeRequest.fromPartial({ data: Buffer.from(piece) });
    progress.add(piece.length);
  }
  if (first.lengthBytes === undefined)
    yield UploadVolumeRequest.fromPartial({ lengthBytes: progress.doneBytes });
}

export const volDownload: Verb = {
  name: "vol-download",
  group: "Storage",
  summary: "write what a volume holds into a file",
  args: [VOLUME, { name: "file", help: "where to write it; - is standard output", completes: "file" }],
  options: [IN_POOL, ...PART],
  async run(session, given) {
    const target = await volumeOf(session, given);
    const file = given.arg(1);
    const { offset, length: lengthBytes } = partOf(given);
    const request = DownloadVolumeRequest.fromPartial({
      ...{ ...target, offset },
      ...(lengthBytes === undefined ? {} : { lengthBytes }),
    });
    const messages = session.rpc.stream(storage.downloadVolume, request)[Symbol.asyncIterator]();
    const head = await messages.next();
    if (head.done === true) throw new VirtError("PROTOCOL", "the download ended before it began");
    using progress = new TransferProgress(session.terminal, target.volume, head.value.lengthBytes);
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for await (const { data } of { [Symbol.asyncIterator]: () => messages }) {
        yield data;
        progress.add(data.length);
      }
    }
    if (file === "-") {
      for await (const piece of pieces()) session.terminal.streams.stdout.write(piece);
      return;
    }
    await writeWhole(file, pieces());
    const bytes = progress.doneBytes;
    if (session.globals.json) session.terminal.object({ file, bytes: String(bytes) });
    else
      session.terminal.say(`Downloaded ${formatBytes(bytes)} of '${clean(target.volume)}' to ${clean(file)}`);
  },
};

/** Under another name until it is complete: half a volume would look like one. */
async function writeWhole(file: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const part = `${file}.${process.pid}.part`;
  try {
    await pipeline(pieces, createWriteStream(part, { flags: "wx" }));
    await rename(part, file);
  } catch (e) {
    await rm(part, { force: true });
    throw e;
  }
}
