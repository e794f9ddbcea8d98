import { mkdir, rm } from "node:fs/promises";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { guestMemoryFolder } from "../cmdline/memory-backends.ts";
import { hugepageMounts } from "../host/hugepages.ts";

/** Makes the folders in which QEMU makes the files that are the guest's memory. @throws HOST_SETUP */
export async function makeMemoryFolders(definition: IdentifiedDomain, memoryDir: string): Promise<void> {
  for (const path of await foldersOf(definition, memoryDir)) {
    await mkdir(path, { recursive: true, mode: 0o700 }).catch((e: unknown): never => {
      const what = `${path} for the memory of guest "${definition.name}" cannot be made: ${messageOf(e)}`;
      throw new VirtError("HOST_SETUP", what, {}, { cause: e });
    });
  }
}

/** Removes them, with what is left of files that had a name, when the guest has ended. */
export async function removeMemoryFolders(definition: IdentifiedDomain, memoryDir: string): Promise<void> {
  for (const path of await foldersOf(definition, memoryDir)) await rm(path, { recursive: true, force: true });
}

/** None for a guest whose memory is no file. */
async function foldersOf(definition: IdentifiedDomain, memoryDir: string): Promise<readonly string[]> {
  const { memoryBacking, devices, cpu } = definition;
  const cells = cpu?.numa?.cells ?? [];
  const files =
    memoryBacking !== undefined ||
    devices.memories.length > 0 ||
    cells.some((cell) => cell.memAccess !== undefined);
  if (!files) return [];
  const mounts = await hugepageMounts();
  return [memoryDir, ...mounts.map((mount) => mount.path)].map((folder) =>
    guestMemoryFolder(folder, definition),
  );
}
