import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";

/** A guest of a kernel and an initramfs, as xl reads it. */
export function xlConfig({ name, uuid, os, memory, currentMemory, vcpu }: IdentifiedDomain): string {
  const mib = (bytes: bigint): number => Number(bytes >> 20n);
  return [
    `name = ${JSON.stringify(name)}`,
    `uuid = "${uuid}"`,
    `type = "pv"`,
    `kernel = ${JSON.stringify(os.kernel ?? "")}`,
    `ramdisk = ${JSON.stringify(os.initrd ?? "")}`,
    `extra = ${JSON.stringify(os.cmdline ?? "")}`,
    `memory = ${mib(currentMemory?.bytes ?? memory.bytes)}`,
    `maxmem = ${mib(memory.bytes)}`,
    `vcpus = ${vcpu.current ?? vcpu.count}`,
    `maxvcpus = ${vcpu.count}`,
    "",
  ].join("\n");
}
