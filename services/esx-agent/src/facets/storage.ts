import { type Call, ownCall } from "@virtmesh/core/call";
import type {
  PoolInfo,
  StorageFacet,
  VolumeContent,
  VolumeInfo,
  VolumeRange,
  VolumeRequest,
} from "@virtmesh/core/driver/storage";
import { VirtError } from "@virtmesh/core/errors";
import { allFiles, type Datastore, datastoresOf, findFile } from "../datastores/datastores.ts";
import { dataFileOf, type DatastoreFile, datastorePathOf, nameInDatastore } from "../datastores/files.ts";
import { type FilePlace, getFile, putFile } from "../datastores/transfer.ts";
import { asVirtError } from "../faults.ts";
import type { EsxServer } from "../server.ts";
import { isVimFault } from "../vim/errors.ts";

/** The datastores of the host as pools, their files as volumes. */
export class EsxStorage implements StorageFacet {
  readonly #server: EsxServer;

  constructor(server: EsxServer) {
    this.#server = server;
  }

  async pools(c: Call): Promise<readonly PoolInfo[]> {
    return (await datastoresOf(this.#server, c)).map(({ pool }) => pool);
  }

  async volumes(pool: string, c: Call): Promise<readonly VolumeInfo[]> {
    const files = await allFiles(this.#server, await this.#datastore(pool, c), c);
    return files.map(({ volume }) => volume);
  }

  async volume(pool: string, ref: string, c: Call): Promise<VolumeInfo> {
    return (await this.#find(await this.#datastore(pool, c), ref, c)).volume;
  }

  async create(pool: string, request: VolumeRequest, c: Call): Promise<VolumeInfo> {
    const { name, capacityBytes, allocationBytes, format } = request;
    if (format !== "" && format !== "vmdk")
      throw invalid("format", `must be vmdk, which is what vSphere makes, not "${format}"`);
    if (!name.endsWith(".vmdk"))
      throw invalid("name", `must end in .vmdk, as disks of vSphere do: "${name}.vmdk"`);
    const datastore = await this.#datastore(pool, c);
    await this.#checkNew(datastore, name, c);
    await this.#makeFolder(pool, name, c);
    const spec = {
      $type: "FileBackedVirtualDiskSpec",
      diskType: allocationBytes === capacityBytes ? "preallocated" : "thin",
      adapterType: "lsiLogic",
      capacityKb: (capacityBytes + 1023n) / 1024n,
    };
    const args = { name: datastorePathOf(pool, name), datacenter: this.#server.place.datacenterObject, spec };
    await this.#disks(`volume "${name}" cannot be made`, "CreateVirtualDisk_Task", args, c);
    return (await this.#find(datastore, name, c)).volume;
  }

  async resize(pool: string, name: string, capacityBytes: bigint, c: Call): Promise<VolumeInfo> {
    const datastore = await this.#datastore(pool, c);
    const { volume, isDisk } = await this.#find(datastore, name, c);
    const what = `volume "${name}" cannot be resized`;
    if (!isDisk) throw new VirtError("UNSUPPORTED", `${what}: it is no virtual disk`);
    if (capacityBytes < volume.capacityBytes)
      throw new VirtError(
        "UNSUPPORTED",
        `${what} to ${capacityBytes} bytes: vSphere only makes disks larger; make a smaller one and copy`,
      );
    this.#checkFree(volume);
    const args = {
      ...{ name: volume.path, datacenter: this.#server.place.datacenterObject },
      ...{ newCapacityKb: (capacityBytes + 1023n) / 1024n, eagerZero: false },
    };
    await this.#disks(what, "ExtendVirtualDisk_Task", args, c);
    return (await this.#find(datastore, name, c)).volume;
  }

  async delete(pool: string, name: string, c: Call): Promise<void> {
    const { volume, isDisk } = await this.#find(await this.#datastore(pool, c), name, c);
    this.#checkFree(volume);
    const what = `volume "${name}" cannot be deleted`;
    const args = { name: volume.path, datacenter: this.#server.place.datacenterObject };
    if (isDisk) await this.#disks(what, "DeleteVirtualDisk_Task", args, c);
    else await this.#files(what, "DeleteDatastoreFile_Task", args, c);
  }

  /** Under a name of its own first: what is seen under the right one is whole. */
  async upload(
    pool: string,
    name: string,
    { offset, lengthBytes }: VolumeRange,
    data: AsyncIterable<Uint8Array>,
    c: Call,
  ): Promise<VolumeInfo> {
    if (offset !== 0n)
      throw invalid("offset", "must be 0: a server of vSphere takes whole files and no parts of them");
    const datastore = await this.#datastore(pool, c);
    const there = await findFile(this.#server, datastore, name, c);
    if (there?.isDisk === true)
      throw new VirtError(
        "VOLUME_EXISTS",
        `volume "${name}" is a virtual disk, whose data an upload would not replace; delete it first, or upload under another name`,
        { resource: { type: "volume", name } },
      );
    if (there !== undefined) this.#checkFree(there.volume);
    await this.#makeFolder(pool, name, c);
    const part = `${name}.${crypto.randomUUID().slice(0, 8)}.part`;
    const what = `volume "${name}" cannot be uploaded`;
    try {
      const { session } = this.#server;
      await putFile(session, this.#place(pool, part), data, { lengthBytes, signal: c.signal });
      const { datacenterObject } = this.#server.place;
      const args = {
        ...{ sourceName: datastorePathOf(pool, part), sourceDatacenter: datacenterObject },
        ...{ destinationName: datastorePathOf(pool, name), destinationDatacenter: datacenterObject },
        force: true,
      };
      await this.#files(what, "MoveDatastoreFile_Task", args, c);
    } catch (e) {
      await this.#discard(pool, part);
      throw asVirtError(e, what);
    }
    return (await this.#find(datastore, name, c)).volume;
  }

  /** Of a virtual disk its data, as raw as a guest sees them; of anything else the file. */
  async download(pool: string, name: string, range: VolumeRange, c: Call): Promise<VolumeContent> {
    const { volume, isDisk } = await this.#find(await this.#datastore(pool, c), name, c);
    const bytes = isDisk ? volume.capacityBytes : volume.allocationBytes;
    const { offset, lengthBytes = bytes - offset } = range;
    if (lengthBytes < 0n || offset + lengthBytes > bytes)
      throw invalid("offset", `reaches behind the ${bytes} bytes of volume "${name}"`);
    if (lengthBytes === 0n) return { lengthBytes, data: nothing(), async [Symbol.asyncDispose]() {} };
    const place = this.#place(pool, isDisk ? dataFileOf(name) : name);
    try {
      return await getFile(this.#server.session, place, { offset, lengthBytes }, c.signal);
    } catch (e) {
      const error = asVirtError(e, `volume "${name}" cannot be downloaded`);
      if (!isDisk || error.reason !== "VOLUME_NOT_FOUND") throw error;
      throw new VirtError(
        "UNSUPPORTED",
        `volume "${name}" has its data not in "${place.name}", as disks of snapshots and of vSAN have not; copy it to a disk of its own on VMFS or NFS first`,
        { resource: { type: "volume", name } },
        { cause: e },
      );
    }
  }

  async #datastore(name: string, c: Call): Promise<Datastore> {
    const found = (await datastoresOf(this.#server, c)).find(({ pool }) => pool.name === name);
    if (found !== undefined) return found;
    throw new VirtError("POOL_NOT_FOUND", `the host has no datastore "${name}" any more`, {
      resource: { type: "pool", name },
    });
  }

  async #find(datastore: Datastore, ref: string, c: Call): Promise<DatastoreFile> {
    const name = nameInDatastore(datastore.pool.name, ref);
    const found = name === undefined ? undefined : await findFile(this.#server, datastore, name, c);
    if (found !== undefined) return found;
    throw new VirtError("VOLUME_NOT_FOUND", `datastore "${datastore.pool.name}" has no file "${ref}"`, {
      resource: { type: "volume", name: ref },
    });
  }

  async #checkNew(datastore: Datastore, name: string, c: Call): Promise<void> {
    if ((await findFile(this.#server, datastore, name, c)) === undefined) return;
    throw new VirtError("VOLUME_EXISTS", `datastore "${datastore.pool.name}" has a file "${name}" already`, {
      resource: { type: "volume", name },
    });
  }

  /** @throws DISK_IN_USE; the server itself knows only of those that are locked. */
  #checkFree({ name, path }: VolumeInfo): void {
    const user = this.#server.guests
      .all()
      .find((guest) => guest.active && guest.info.disks.some((disk) => disk.source === path));
    if (user === undefined) return;
    throw new VirtError("DISK_IN_USE", `volume "${name}" is used by guest "${user.name}", which runs`, {
      resource: { type: "volume", name },
    });
  }

  async #makeFolder(pool: string, name: string, c: Call): Promise<void> {
    const slash = name.lastIndexOf("/");
    if (slash < 0) return;
    const { session, place } = this.#server;
    const folder = datastorePathOf(pool, name.slice(0, slash));
    const args = { name: folder, datacenter: place.datacenterObject, createParentDirectories: true };
    try {
      await session.call("MakeDirectory", session.manager("fileManager"), args, { signal: c.signal });
    } catch (e) {
      if (!isVimFault(e, "FileAlreadyExists")) throw asVirtError(e, `folder "${folder}" cannot be made`);
    }
  }

  /** What an upload has left, whoever gave up. */
  async #discard(pool: string, part: string): Promise<void> {
    const { session, place, logger, signal } = this.#server;
    const args = { name: datastorePathOf(pool, part), datacenter: place.datacenterObject };
    try {
      await this.#files("", "DeleteDatastoreFile_Task", args, ownCall(signal));
    } catch (err) {
      if (VirtError.from(err).reason !== "FILE_NOT_FOUND")
        logger.warn(
          { err, file: args.name, server: session.address },
          "a part of a broken upload stays behind",
        );
    }
  }

  #place(datastore: string, name: string): FilePlace {
    return { datacenter: this.#server.place.datacenterPath, datastore, name };
  }

  async #disks(
    what: string,
    method: string,
    args: Parameters<EsxServer["taskAt"]>[3],
    c: Call,
  ): Promise<void> {
    await this.#server.taskAt(what, this.#server.session.manager("virtualDiskManager"), method, args, c);
  }

  async #files(
    what: string,
    method: string,
    args: Parameters<EsxServer["taskAt"]>[3],
    c: Call,
  ): Promise<void> {
    await this.#server.taskAt(what, this.#server.session.manager("fileManager"), method, args, c);
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

function invalid(field: string, description: string): VirtError {
  return new VirtError("INVALID_FIELD", `${field} ${description}`, { violations: [{ field, description }] });
}
