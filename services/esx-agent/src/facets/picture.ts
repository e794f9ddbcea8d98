import { type Call, ownCall } from "@virtmesh/core/call";
import { VirtError } from "@virtmesh/core/errors";
import { datastoresOf, findFile } from "../datastores/datastores.ts";
import { datastoreOf, nameInDatastore } from "../datastores/files.ts";
import { getFile } from "../datastores/transfer.ts";
import { asVirtError } from "../faults.ts";
import type { Guest } from "../guests/guest.ts";
import type { EsxServer } from "../server.ts";
import type { Reference } from "../vim/encode.ts";

/** The server writes the picture into the guest's folder, from where it is fetched and removed. */
export async function takePicture(server: EsxServer, guest: Guest, c: Call): Promise<Uint8Array> {
  const what = `no picture can be taken of guest "${guest.name}"`;
  const path = (await server.task(what, guest, "CreateScreenshot_Task", {}, c))?.text ?? "";
  const args = { name: path, datacenter: server.place.datacenterObject };
  try {
    return await read(server, path, what, c);
  } finally {
    await discard(server, args);
  }
}

/** A picture that stays behind is no reason not to show it. */
async function discard(
  server: EsxServer,
  args: { readonly name: string; readonly datacenter: Reference },
): Promise<void> {
  const files = server.session.manager("fileManager");
  try {
    await server.taskAt(
      `${args.name} cannot be removed`,
      files,
      "DeleteDatastoreFile_Task",
      args,
      ownCall(server.signal),
    );
  } catch (err) {
    server.logger.warn({ err, file: args.name }, "a picture of a screen stays behind in its datastore");
  }
}

async function read(server: EsxServer, path: string, what: string, c: Call): Promise<Uint8Array> {
  const pool = datastoreOf(path);
  const datastore = (await datastoresOf(server, c)).find((each) => each.pool.name === pool);
  const name = nameInDatastore(pool, path) ?? "";
  const file = datastore && (await findFile(server, datastore, name, c));
  if (file === undefined)
    throw new VirtError("PROTOCOL", `${what}: the server says it is "${path}", where nothing is`);
  const place = { datacenter: server.place.datacenterPath, datastore: pool, name };
  const range = { offset: 0n, lengthBytes: file.volume.allocationBytes };
  const chunks: Uint8Array[] = [];
  try {
    await using content = await getFile(server.session, place, range, c.signal);
    for await (const chunk of content.data) chunks.push(chunk);
  } catch (e) {
    throw asVirtError(e, what);
  }
  return Buffer.concat(chunks);
}
