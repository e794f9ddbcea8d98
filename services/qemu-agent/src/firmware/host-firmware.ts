import { constants, copyFile, mkdir, readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf, systemCode, VirtError } from "@virtmesh/core/errors";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import type { FirmwareDescriptor } from "./descriptor.ts";
import { readDescriptor } from "./descriptor.ts";

/** Where packages describe their firmware, and where the administrator does; the later hides the same name before. */
const FOLDERS = ["/usr/share/qemu/firmware", "/etc/qemu/firmware"];

/** The descriptions of this host in the order of their names. An empty file takes one away. */
export async function hostFirmware(
  folders: readonly string[] = FOLDERS,
): Promise<readonly FirmwareDescriptor[]> {
  const paths = new Map<string, string>();
  for (const folder of folders) {
    const names = await readdir(folder).catch((): string[] => []);
    for (const name of names.filter((n) => n.endsWith(".json"))) paths.set(name, join(folder, name));
  }
  const descriptors: FirmwareDescriptor[] = [];
  for (const [name, path] of [...paths].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const text = await readFile(path, "utf8");
    if (text.trim() !== "") descriptors.push(readDescriptor(text, name));
  }
  return descriptors;
}

/** Gives a guest its own copy of UEFI's variables, where it has none yet. @throws FILE_NOT_FOUND, HOST_SETUP */
export async function makeVariables({ name, os }: DomainDefinition): Promise<void> {
  const { nvram } = os;
  const path = nvram?.type === "path" ? nvram.path : nvram?.type === "file" ? nvram.source.file : undefined;
  if (path === undefined || nvram?.template === undefined) return;
  const { template } = nvram;
  await mkdir(dirname(path), { recursive: true });
  await copyFile(template, path, constants.COPYFILE_EXCL).catch((e: unknown): void => {
    if (systemCode(e) === "EEXIST") return;
    const missing = systemCode(e) === "ENOENT";
    throw new VirtError(
      missing ? "FILE_NOT_FOUND" : "HOST_SETUP",
      `the UEFI variables of guest "${name}" cannot be made from ${template}: ${missing ? "it does not exist" : messageOf(e)}`,
      {},
      { cause: e },
    );
  });
}
