import { createHash } from "node:crypto";
import type { Call } from "@virtmesh/core/call";
import type { PoolInfo } from "@virtmesh/core/driver/storage";
import { VirtError } from "@virtmesh/core/errors";
import type { Guest } from "../guests/guest.ts";
import type { HypervServer } from "../server.ts";
import { isKind } from "../settings/model.ts";

/** Win32_LogicalDisk.DriveType: a disk of the host itself. */
const FIXED = 3;

/** The pool in which Hyper-V makes disks of which nobody says where. */
const DEFAULT = "default";

/** A folder of the host in which disks lie. */
export interface Folder {
  readonly name: string;
  /** Without a backslash at its end, but for a drive's root: `C:`. */
  readonly path: string;
}

/** The folder of the default, and those that guests have disks in, as far as they are on the host's own drives. */
export async function foldersOf(server: HypervServer, c: Call): Promise<readonly Folder[]> {
  const [settings] = await server.ask(
    "the host's folder for disks cannot be read",
    (session, options) => session.query("Msvm_VirtualSystemManagementServiceSettingData", options),
    c,
  );
  const first = settings?.DefaultVirtualHardDiskPath?.replace(/\\+$/, "") ?? "";
  const found = new Map<string, Folder>();
  if (isOnDrive(first)) found.set(first.toLowerCase(), { name: DEFAULT, path: first });
  for (const path of server.guests.all().flatMap(foldersOfGuest)) {
    const key = path.toLowerCase();
    if (isOnDrive(path) && !found.has(key)) found.set(key, { name: path, path });
  }
  return [...found.values()].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
}

function rank({ name }: Folder): number {
  return name === DEFAULT ? 0 : 1;
}

function foldersOfGuest({ facts }: Guest): readonly string[] {
  return facts.settings.media
    .filter((each) => isKind(each, "hardDisk"))
    .flatMap(({ HostResource = [] }) => HostResource.map((path) => path.slice(0, path.lastIndexOf("\\"))));
}

/** WMI shows files of the host's own drives, and none of shares. */
function isOnDrive(path: string): boolean {
  return /^[A-Za-z]:(\\|$)/.test(path);
}

/** @throws POOL_NOT_FOUND */
export async function folderOf(server: HypervServer, pool: string, c: Call): Promise<Folder> {
  const found = (await foldersOf(server, c)).find(({ name }) => name === pool);
  if (found !== undefined) return found;
  throw new VirtError("POOL_NOT_FOUND", `there is no pool "${pool}" on this host`, {
    resource: { type: "pool", name: pool },
  });
}

/** What the drive of each folder holds is what its pool does. */
export async function poolsOf(server: HypervServer, c: Call): Promise<readonly PoolInfo[]> {
  const drives = await server.ask(
    "the drives of the host cannot be read",
    (session, options) => session.query("Win32_LogicalDisk", options, `DriveType = ${FIXED}`),
    c,
  );
  return (await foldersOf(server, c)).map(({ name, path }) => {
    const letter = path.slice(0, 2).toUpperCase();
    const drive = drives.find(({ DeviceID = "" }) => DeviceID.toUpperCase() === letter);
    const { Size: capacityBytes = 0n, FreeSpace: availableBytes = 0n } = drive ?? {};
    return {
      ...{ name, path, uuid: uuidOf(`${server.host.uuid}/${path.toLowerCase()}`), type: "dir" },
      state: drive === undefined ? "inaccessible" : "running",
      ...{ capacityBytes, availableBytes, allocationBytes: capacityBytes - availableBytes },
    };
  });
}

/** The same for the same folder of the same host, since Windows gives folders none. */
function uuidOf(text: string): string {
  const hash = createHash("sha256").update(text).digest("hex");
  return [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    `8${hash.slice(17, 20)}`,
    hash.slice(20, 32),
  ].join("-");
}
