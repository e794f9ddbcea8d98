import type { Call } from "@virtmesh/core/call";
import type { PoolInfo, StorageFacet, VolumeInfo, VolumeRequest } from "@virtmesh/core/driver/storage";
import { VirtError } from "@virtmesh/core/errors";
import { formatOf, imageAt } from "../images/images.ts";
import { isHypervError } from "../msvm/errors.ts";
import { ownerOf } from "../msvm/object-path.ts";
import { fileReference, quoted } from "../msvm/session.ts";
import type { Msvm } from "../msvm/types.ts";
import { embedded } from "../msvm/write.ts";
import type { HypervServer } from "../server.ts";
import { type Folder, folderOf, poolsOf } from "../storage/folders.ts";
import type { Reference } from "../wsman/values.ts";

const SERVICE = "Msvm_ImageManagementService";

/** Msvm_VirtualHardDiskSettingData.Type and .Format */
const TYPE = { fixed: 2, dynamic: 3 } as const;
const FORMATS: Readonly<Record<string, number>> = { vhd: 2, vhdx: 3 };

/** Hyper-V's disks are whole sectors of their own. */
const SECTOR = 4096n;

/** Files in a folder that a guest can have as a disk, or in its drive. */
const SHOWN = /\.(a?vhdx?|vhds|iso)$/i;

/** CIM_DataFile.Delete: somebody has it open. */
const SHARING_VIOLATION = 15;

const CLEAN_UP_MS = 60_000;

/** Folders of the host as pools, and the virtual hard disks in them. What is in those Hyper-V does not hand out by WMI. */
export class HypervStorage implements StorageFacet {
  readonly #server: HypervServer;

  constructor(server: HypervServer) {
    this.#server = server;
  }

  pools(c: Call): Promise<readonly PoolInfo[]> {
    return poolsOf(this.#server, c);
  }

  async volumes(pool: string, c: Call): Promise<readonly VolumeInfo[]> {
    const folder = await folderOf(this.#server, pool, c);
    const where = `Drive = ${quoted(folder.path.slice(0, 2))} AND Path = ${quoted(`${folder.path.slice(2)}\\`)}`;
    const files = await this.#server.ask(
      `the files in ${folder.path} cannot be listed`,
      (session, options) => session.query("CIM_DataFile", options, where),
      c,
    );
    const shown = files.filter(({ Name = "" }) => SHOWN.test(Name));
    return await Promise.all(shown.map((file) => this.#infoOf(folder, file, c)));
  }

  async volume(pool: string, ref: string, c: Call): Promise<VolumeInfo> {
    const folder = await folderOf(this.#server, pool, c);
    const file = await this.#find(folder, nameIn(folder, ref), c);
    return await this.#infoOf(folder, file, c);
  }

  async create(pool: string, request: VolumeRequest, c: Call): Promise<VolumeInfo> {
    const folder = await folderOf(this.#server, pool, c);
    const { name, capacityBytes, allocationBytes } = request;
    const Format = formatFor(request);
    const Path = `${folder.path}\\${name}`;
    if ((await this.#look(Path, c)) !== undefined)
      throw new VirtError("VOLUME_EXISTS", `pool "${pool}" has a volume "${name}" already`, {
        resource: { type: "volume", name },
      });
    const VirtualDiskSettingData = embedded("Msvm_VirtualHardDiskSettingData", {
      ...{ Path, Format, MaxInternalSize: wholeSectors(capacityBytes) },
      Type: allocationBytes >= capacityBytes ? TYPE.fixed : TYPE.dynamic,
    });
    const what = `volume "${name}" cannot be made in ${folder.path}`;
    let job: Reference | undefined;
    const watcher = { begun: (begun: Reference) => (job = begun), progress: () => undefined };
    try {
      await this.#server.call(
        ...([
          what,
          SERVICE,
          "CreateVirtualHardDisk",
          { VirtualDiskSettingData },
          c,
          undefined,
          watcher,
        ] as const),
      );
    } catch (e) {
      await this.#removeHalf(Path, job);
      throw e;
    }
    return await this.volume(pool, name, c);
  }

  async resize(pool: string, name: string, capacityBytes: bigint, c: Call): Promise<VolumeInfo> {
    const folder = await folderOf(this.#server, pool, c);
    const Path = `${folder.path}\\${name}`;
    await this.#find(folder, name, c);
    const what = `volume "${name}" cannot be made ${capacityBytes} bytes large`;
    const input = { Path, MaxInternalSize: wholeSectors(capacityBytes) };
    await this.#server.call(what, SERVICE, "ResizeVirtualHardDisk", input, c);
    return await this.volume(pool, name, c);
  }

  async delete(pool: string, name: string, c: Call): Promise<void> {
    const folder = await folderOf(this.#server, pool, c);
    const file = await this.#find(folder, name, c);
    const path = `${folder.path}\\${name}`;
    const user = await this.#userOf(path, c);
    if (user !== undefined) throw inUse(name, `a disk of guest "${user}" or of one of its checkpoints`);
    try {
      await this.#remove(file.Name ?? path, c);
    } catch (e) {
      if (isHypervError(e) && e.code === SHARING_VIOLATION) throw inUse(name, "open at the host");
      throw new VirtError(
        "HYPERVISOR_FAILED",
        `volume "${name}" cannot be deleted: Windows refused it`,
        {},
        { cause: e },
      );
    }
  }

  async #remove(path: string, c: Call): Promise<void> {
    await this.#server.session.call("CIM_DataFile", fileReference(path), "Delete", {}, { signal: c.signal });
  }

  /** Whoever waited may have gone: the host goes on, and is told to stop. */
  async #removeHalf(path: string, job: Reference | undefined): Promise<void> {
    const own = { signal: AbortSignal.timeout(CLEAN_UP_MS), trace: "", actor: "", requestId: "" };
    try {
      if (job !== undefined) {
        await this.#server.stopJob(job, own);
        // How it ended is seen by whether the file is there.
        await this.#server.follow("the making of a disk", job, own).catch(() => own.signal.throwIfAborted());
      }
      const file = await this.#look(path, own);
      if (file?.Name !== undefined) await this.#remove(file.Name, own);
    } catch (err) {
      this.#server.logger.error({ err, path }, "what was made of a disk could not be removed");
    }
  }

  async #find(folder: Folder, name: string, c: Call): Promise<Msvm<"CIM_DataFile">> {
    const found = /^[^\\/]+$/.test(name) ? await this.#look(`${folder.path}\\${name}`, c) : undefined;
    if (found !== undefined) return found;
    throw new VirtError("VOLUME_NOT_FOUND", `pool "${folder.name}" has no volume "${name}"`, {
      resource: { type: "volume", name },
    });
  }

  async #look(path: string, c: Call): Promise<Msvm<"CIM_DataFile"> | undefined> {
    const [file] = await this.#server.ask(
      `${path} cannot be looked at`,
      (session, options) => session.query("CIM_DataFile", options, `Name = ${quoted(path)}`),
      c,
    );
    return file;
  }

  async #infoOf(folder: Folder, file: Msvm<"CIM_DataFile">, c: Call): Promise<VolumeInfo> {
    const { Name = "", FileSize = 0n, LastModified } = file;
    const name = Name.slice(Name.lastIndexOf("\\") + 1);
    const path = `${folder.path}\\${name}`;
    const format = formatOf(name) || (/\.iso$/i.test(name) ? "iso" : "");
    const image =
      formatOf(name) === ""
        ? undefined
        : await this.#server.ask(`${path} cannot be looked at`, (session, o) => imageAt(session, path, o), c);
    return {
      ...{ name, path, key: Name, format, allocationBytes: FileSize },
      capacityBytes: image?.MaxInternalSize ?? FileSize,
      modifyTimeMs: Date.parse(LastModified ?? "") || 0,
    };
  }

  /** The guest that has it, or a checkpoint of which has. */
  async #userOf(path: string, c: Call): Promise<string | undefined> {
    const all = await this.#server.ask(
      `who uses ${path} cannot be found out`,
      (session, options) => session.query("Msvm_StorageAllocationSettingData", options),
      c,
    );
    const user = all.find(({ HostResource = [] }) =>
      HostResource.some((each) => each.toLowerCase() === path.toLowerCase()),
    );
    if (user === undefined) return undefined;
    const owner = ownerOf(user.InstanceID) ?? "";
    return this.#server.guests.byKey(owner)?.name ?? owner;
  }
}

/** A volume by its name, or by its path in the folder. */
function nameIn({ path }: Folder, ref: string): string {
  const start = `${path}\\`;
  return ref.toLowerCase().startsWith(start.toLowerCase()) ? ref.slice(start.length) : ref;
}

/** @throws INVALID_FIELD */
function formatFor({ name, format }: VolumeRequest): number {
  if (!/^[^\\/:*?"<>|]+\.vhdx?$/i.test(name))
    throw invalid("name", `"${name}" is no name of a .vhdx or .vhd file; Hyper-V goes by it`);
  const byName = formatOf(name);
  const number = FORMATS[byName];
  if (number === undefined || (format !== "" && format !== byName))
    throw invalid("format", `${name} is of the format ${byName} by its name, and not of "${format}"`);
  return number;
}

function wholeSectors(bytes: bigint): bigint {
  return ((bytes + SECTOR - 1n) / SECTOR) * SECTOR;
}

function inUse(name: string, by: string): VirtError {
  return new VirtError("DISK_IN_USE", `volume "${name}" is ${by}`, { resource: { type: "volume", name } });
}

function invalid(field: string, description: string): VirtError {
  return new VirtError("INVALID_FIELD", `${field}: ${description}`, { violations: [{ field, description }] });
}
