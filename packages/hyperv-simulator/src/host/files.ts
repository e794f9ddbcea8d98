import { reference } from "../cim/path.ts";
import type { Repository } from "../cim/repository.ts";
import type { Reference } from "../cim/value.ts";
import { type Disk, type DiskListener, fileBytes } from "./disks.ts";
import type { Seed } from "./seed.ts";

const CLASS = "CIM_DataFile";
const GIB = 1024 ** 3;

/** The drives of the host. */
export function addDrives(repository: Repository, { hostName }: Seed): void {
  for (const [drive, sizeGib] of [["C:", 500] as const, ["D:", 2000] as const])
    repository.add("Win32_LogicalDisk", {
      ...{ DeviceID: drive, Name: drive, Caption: drive, Description: "Local Fixed Disk", DriveType: 3 },
      ...{ CreationClassName: "Win32_LogicalDisk", SystemName: hostName, FileSystem: "NTFS" },
      ...{ SystemCreationClassName: "Win32_ComputerSystem" },
      ...{ Size: sizeGib * GIB, FreeSpace: (sizeGib * GIB) / 2, Compressed: false },
    });
}

/** Shows image files as Windows shows files: in lower case, and none that lie on shares. */
export function filesIn(repository: Repository, { hostName }: Seed): DiskListener {
  return {
    put: (disk) => {
      const values = valuesOf(disk, hostName);
      if (values === undefined) return;
      if (repository.get(fileAt(disk.path)) === undefined) repository.add(CLASS, values);
      else repository.update(fileAt(disk.path), values);
    },
    removed: (path) => repository.remove(fileAt(path)),
  };
}

function fileAt(path: string): Reference {
  return reference(CLASS, { Name: path.toLowerCase() });
}

function valuesOf(disk: Disk, hostName: string): Parameters<Repository["add"]>[1] | undefined {
  const [, drive, folder, name, extension] =
    /^([a-z]:)(\\(?:.*\\)?)([^\\]+)\.(\w+)$/.exec(disk.path.toLowerCase()) ?? [];
  if (drive === undefined || folder === undefined || name === undefined || extension === undefined)
    return undefined;
  const now = new Date();
  return {
    ...{ Name: disk.path.toLowerCase(), Drive: drive, Path: folder, FileName: name, Extension: extension },
    ...{
      CreationClassName: "CIM_LogicalFile",
      CSCreationClassName: "Win32_ComputerSystem",
      CSName: hostName,
    },
    ...{ FSCreationClassName: "Win32_FileSystem", FSName: "NTFS", FileSize: fileBytes(disk) },
    ...{ FileType: `${extension.toUpperCase()} File`, Status: "OK", Readable: true, Writeable: true },
    ...{ Hidden: false, System: false, Archive: true, Compressed: false, Encrypted: false },
    ...{ CreationDate: now, LastModified: now, LastAccessed: now, InstallDate: now },
  };
}
