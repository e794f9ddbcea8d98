import type { VolumeInfo } from "@virtmesh/core/driver/storage";
import type { VimObject } from "../vim/encode.ts";
import { bigAt, childrenOf, textAt, type VimNode } from "../vim/node.ts";

/** One file of a datastore. */
export interface DatastoreFile {
  readonly volume: VolumeInfo;
  /** A virtual disk: a text of a few lines that names the files with the data, and is moved and removed with them. */
  readonly isDisk: boolean;
}

/** `[datastore1] web/web.vmdk`. */
export function datastorePathOf(datastore: string, name: string): string {
  return `[${datastore}] ${name}`;
}

/** Name of the datastore that a path is in; empty when it says none. */
export function datastoreOf(path: string): string {
  return /^\[([^\]]+)\]/.exec(path)?.[1] ?? "";
}

/** The name in its datastore; undefined for a path in another one. */
export function nameInDatastore(datastore: string, ref: string): string | undefined {
  const [, other, name] = /^\[([^\]]+)\] *(.*)$/.exec(ref) ?? [];
  return other === undefined ? ref : other === datastore ? name : undefined;
}

/** Where a disk, which is a text that describes it, has its data. */
export function dataFileOf(name: string): string {
  return name.replace(/\.vmdk$/, "-flat.vmdk");
}

/** Every kind of file that vSphere knows. The data of virtual disks is a part of them and not told of. */
const KINDS: readonly VimObject[] = [
  {
    $type: "VmDiskFileQuery",
    details: { diskType: true, capacityKb: true, hardwareVersion: false },
  },
  ...["IsoImageFileQuery", "FloppyImageFileQuery", "VmConfigFileQuery", "VmNvramFileQuery"].map(queryOf),
  ...["VmSnapshotFileQuery", "VmLogFileQuery"].map(queryOf),
];

function queryOf(type: string): VimObject {
  return { $type: type };
}

const DETAILS: VimObject = { fileType: true, fileSize: true, modification: true, fileOwner: false };

/** A HostDatastoreBrowserSearchSpec for all files of kinds that vSphere knows, or for one file of any kind. */
export function searchFor(fileName: string | undefined): VimObject {
  return fileName === undefined
    ? { query: KINDS, details: DETAILS, matchPattern: "*" }
    : { query: [...KINDS, queryOf("FileQuery")], details: DETAILS, matchPattern: fileName };
}

const FORMATS: Readonly<Record<string, string>> = {
  VmDiskFileInfo: "vmdk",
  IsoImageFileInfo: "iso",
  FloppyImageFileInfo: "raw",
};

/** Files out of a HostDatastoreBrowserSearchResults, without folders. */
export function filesOf(datastore: string, results: VimNode): readonly DatastoreFile[] {
  const [, folder = ""] = /^\[[^\]]*\][ /]*(.*?)\/*$/.exec(textAt(results, "folderPath") ?? "") ?? [];
  return childrenOf(results, "file")
    .filter(({ type }) => type !== "FolderFileInfo")
    .map((file) => fileOf(datastore, folder, file));
}

function fileOf(datastore: string, folder: string, file: VimNode): DatastoreFile {
  const base = textAt(file, "path") ?? "";
  const name = folder === "" ? base : `${folder}/${base}`;
  const path = datastorePathOf(datastore, name);
  const capacityKb = bigAt(file, "capacityKb");
  const allocationBytes = bigAt(file, "fileSize") ?? 0n;
  const capacityBytes = capacityKb === undefined ? allocationBytes : capacityKb * 1024n;
  const modifyTimeMs = Date.parse(textAt(file, "modification") ?? "") || 0;
  return {
    volume: {
      ...{ name, path, key: path, format: FORMATS[file.type] ?? "" },
      ...{ capacityBytes, allocationBytes, modifyTimeMs },
    },
    isDisk: file.type === "VmDiskFileInfo" && capacityKb !== undefined,
  };
}
