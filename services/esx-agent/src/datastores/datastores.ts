import { createHash } from "node:crypto";
import type { Call } from "@virtmesh/core/call";
import type { PoolInfo } from "@virtmesh/core/driver/storage";
import { VirtError } from "@virtmesh/core/errors";
import { asVirtError } from "../faults.ts";
import type { EsxServer } from "../server.ts";
import type { Reference } from "../vim/encode.ts";
import { isVimFault } from "../vim/errors.ts";
import { bigAt, childrenOf, flagAt, textAt } from "../vim/node.ts";
import { type Retrieved, retrieve } from "../vim/retrieve.ts";
import { referenceOf } from "../vim/session.ts";
import { runTask } from "../vim/tasks.ts";
import { type DatastoreFile, filesOf, searchFor } from "./files.ts";

/** A datastore of the host, and who finds the files in it. */
export interface Datastore {
  readonly pool: PoolInfo;
  readonly browser: Reference;
}

/** The datastores that the host has now. */
export async function datastoresOf(server: EsxServer, c: Call): Promise<readonly Datastore[]> {
  const { host } = server.place;
  const spec = {
    propSet: { type: "Datastore", pathSet: ["summary", "browser", "host"] },
    objectSet: {
      ...{ obj: host, skip: true },
      selectSet: { $type: "TraversalSpec", type: "HostSystem", path: "datastore", skip: false },
    },
  };
  try {
    const found = await retrieve(server.session, spec, { signal: c.signal });
    return found.map((each) => datastoreOf(each, host));
  } catch (e) {
    throw asVirtError(e, "the datastores of the host cannot be read");
  }
}

/** In libvirt's words, as its driver for ESX has them. */
const TYPES: Readonly<Record<string, string>> = { VMFS: "fs", NFS: "netfs", NFS41: "netfs", CIFS: "netfs" };

function datastoreOf({ object, properties }: Retrieved, host: Reference): Datastore {
  const summary = properties.get("summary");
  const browser = properties.get("browser");
  if (browser === undefined)
    throw new VirtError("PROTOCOL", `the server does not say who browses datastore ${object.value}`);
  const mount = childrenOf(properties.get("host"), "DatastoreHostMount").find(
    (each) => textAt(each, "key") === host.value,
  );
  const path = textAt(mount, "mountInfo", "path") || (textAt(summary, "url") ?? "");
  const capacityBytes = bigAt(summary, "capacity") ?? 0n;
  const availableBytes = bigAt(summary, "freeSpace") ?? 0n;
  return {
    pool: {
      uuid: uuidOf(path),
      name: textAt(summary, "name") ?? "",
      type: TYPES[textAt(summary, "type") ?? ""] ?? "dir",
      state: flagAt(summary, "accessible") === false ? "inaccessible" : "running",
      ...{ capacityBytes, availableBytes, path },
      allocationBytes: capacityBytes > availableBytes ? capacityBytes - availableBytes : 0n,
    },
    browser: referenceOf(browser),
  };
}

/** Datastores have none of their own; libvirt takes this one, so that a pool is the same to both. */
function uuidOf(mountPath: string): string {
  const hex = createHash("md5").update(mountPath).digest("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** All files of a datastore that are of a kind vSphere knows. */
export async function allFiles(
  server: EsxServer,
  { pool, browser }: Datastore,
  c: Call,
): Promise<readonly DatastoreFile[]> {
  const args = { datastorePath: `[${pool.name}]`, searchSpec: searchFor(undefined) };
  const what = `datastore "${pool.name}" cannot be searched`;
  const found = await server.taskAt(what, browser, "SearchDatastoreSubFolders_Task", args, c);
  return childrenOf(found, "HostDatastoreBrowserSearchResults").flatMap((each) => filesOf(pool.name, each));
}

/** One file, whatever its kind; undefined when it is not there. */
export async function findFile(
  server: EsxServer,
  { pool, browser }: Datastore,
  name: string,
  c: Call,
): Promise<DatastoreFile | undefined> {
  const slash = name.lastIndexOf("/");
  const folder = slash < 0 ? "" : ` ${name.slice(0, slash)}`;
  const args = {
    datastorePath: `[${pool.name}]${folder}`,
    searchSpec: searchFor(name.slice(slash + 1).replaceAll(/[*?[\\]/g, "?")),
  };
  try {
    const found = await runTask(server.session, "SearchDatastore_Task", browser, args, { signal: c.signal });
    if (found === undefined) return undefined;
    return filesOf(pool.name, found).find(({ volume }) => volume.name === name);
  } catch (e) {
    // The folder is not there.
    if (isVimFault(e, "FileNotFound")) return undefined;
    throw asVirtError(e, `datastore "${pool.name}" cannot be searched`);
  }
}
