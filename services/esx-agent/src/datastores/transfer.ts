import assert from "node:assert/strict";
import { VirtError } from "@virtmesh/core/errors";
import type { VolumeContent } from "@virtmesh/core/driver/storage";
import type { VimSession } from "../vim/session.ts";

/** How long a server may say nothing: one that writes to a slow datastore has a lot to do between two bytes. */
const SILENCE_MS = 120_000;

/** Where a file of a datastore is, as servers give and take it over HTTPS. */
export interface FilePlace {
  /** Of the datacenter, in the inventory. */
  readonly datacenter: string;
  readonly datastore: string;
  readonly name: string;
}

function addressOf({ datacenter, datastore, name }: FilePlace): string {
  const path = name.split("/").map(encodeURIComponent).join("/");
  const query = `dcPath=${encodeURIComponent(datacenter)}&dsName=${encodeURIComponent(datastore)}`;
  return `/folder/${path}?${query}`;
}

/** Sends a whole file, which replaces one of that name. What `data` throws is thrown, and then half of it may be there. */
export async function putFile(
  session: VimSession,
  place: FilePlace,
  data: AsyncIterable<Uint8Array>,
  { lengthBytes, signal }: { readonly lengthBytes: bigint | undefined; readonly signal: AbortSignal },
): Promise<void> {
  let broken: { readonly error: unknown } | undefined;
  let whole = false;
  async function* watched(): AsyncGenerator<Uint8Array> {
    try {
      yield* data;
      whole = true;
    } catch (error) {
      broken = { error };
      throw error;
    }
  }
  try {
    // Of an empty body no server says that it wants it.
    if (lengthBytes === 0n) for await (const chunk of watched()) assert.equal(chunk.length, 0);
    const answer = await session.transport.open("PUT", addressOf(place), {
      ...{ signal, silenceMs: SILENCE_MS, body: lengthBytes === 0n ? "" : watched() },
      headers: {
        "content-type": "application/octet-stream",
        ...(lengthBytes === undefined ? {} : { "content-length": String(lengthBytes) }),
      },
    });
    if (!whole || (answer.statusCode !== 200 && answer.statusCode !== 201)) {
      answer.destroy();
      throw refused(place, answer.statusCode);
    }
    answer.resume();
  } catch (e) {
    throw broken === undefined ? e : broken.error;
  }
}

/** Reads a part of a file; the server is asked for more only as fast as it is taken. */
export async function getFile(
  session: VimSession,
  place: FilePlace,
  { offset, lengthBytes }: { readonly offset: bigint; readonly lengthBytes: bigint },
  signal: AbortSignal,
): Promise<VolumeContent> {
  const answer = await session.transport.open("GET", addressOf(place), {
    ...{ signal, silenceMs: SILENCE_MS },
    headers: { range: `bytes=${offset}-${offset + lengthBytes - 1n}` },
  });
  if (answer.statusCode !== 206) {
    answer.destroy();
    throw refused(place, answer.statusCode);
  }
  return {
    lengthBytes,
    data: answer as AsyncIterable<Uint8Array>,
    async [Symbol.asyncDispose]() {
      answer.destroy();
    },
  };
}

function refused({ datastore, name }: FilePlace, status: number | undefined): VirtError {
  const what = `file "[${datastore}] ${name}" cannot be transferred: the server answered with HTTP ${status}`;
  if (status === 401 || status === 403)
    return new VirtError("NOT_PERMITTED", `${what}; its user may not reach files of datastores`);
  if (status === 404) return new VirtError("VOLUME_NOT_FOUND", what, { resource: { type: "volume", name } });
  return new VirtError("HYPERVISOR_FAILED", what);
}
