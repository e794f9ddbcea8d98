import type { MemoryDevice } from "@virtmesh/documents/domain/devices/memory-device";
import type { Json } from "./arguments.ts";
import { unsupported } from "./arguments.ts";
import type { BuildContext, DeviceContext } from "./context.ts";
import { deviceDriver, idOf, pciPlace, virtioPci } from "./context.ts";
import { isPreallocated, memoryBackend, wholeModule } from "./memory-backends.ts";
import type { MemoryNeed } from "./memory-backends.ts";
import type { DeviceParts } from "./parts.ts";
import { addParts } from "./parts.ts";

export function memoryDeviceArguments(c: BuildContext): void {
  for (const [i, memory] of c.definition.devices.memories.entries())
    addParts(c.args, memoryDeviceParts(c, memory, i));
}

/** `dimm0`, `nvdimm0`: each model is counted by itself. */
export function memoryDeviceId(
  { definition }: Pick<DeviceContext, "definition">,
  memory: MemoryDevice,
): string {
  const alike = definition.devices.memories.filter((m) => m.model === memory.model);
  return idOf(memory, `${memory.model.replaceAll("-", "")}${Math.max(0, alike.indexOf(memory))}`);
}

/** A module of memory. */
export function memoryDeviceParts(c: DeviceContext, memory: MemoryDevice, index: number): DeviceParts {
  const path = `devices/memory[${index + 1}]`;
  const id = memoryDeviceId(c, memory);
  const need = needOf(memory, id, path);
  if (memory.model === "sgx-epc") return { objects: [enclave(c, memory, need)] };
  return {
    objects: memoryBackend(c, need).objects,
    devices: [{ ...device(c, memory, need, path), memdev: need.id, id }],
  };
}

function needOf(memory: MemoryDevice, id: string, path: string): MemoryNeed {
  const { source, target, access, discard, model } = memory;
  const pmem = source?.pmem === true;
  return {
    id: `mem${id}`,
    path,
    bytes: wholeModule(target.size),
    elastic: model === "virtio-mem",
    ...(target.node === undefined ? {} : { node: target.node }),
    ...(access === undefined ? {} : { access }),
    ...(model === "virtio-pmem" ? { access: "shared" as const } : {}),
    ...(discard === undefined ? {} : { discard }),
    ...(source?.pagesize === undefined ? {} : { pageBytes: source.pagesize }),
    ...(source?.nodemask === undefined ? {} : { hostNodes: source.nodemask }),
    ...(source?.path === undefined
      ? {}
      : {
          file: {
            path: source.path,
            pmem,
            // Persistent memory is there, nothing is taken from the host.
            preallocated: !pmem && model !== "virtio-pmem",
            ...(source.alignsize === undefined ? {} : { align: source.alignsize }),
          },
        }),
  };
}

function device(c: DeviceContext, memory: MemoryDevice, need: MemoryNeed, path: string): Json {
  const { target, model } = memory;
  const driver = (name: string) => deviceDriver(c, name, path);
  const slot =
    memory.address?.type === "dimm" ? { slot: memory.address.slot, addr: memory.address.base } : {};
  switch (model) {
    case "dimm":
      return { driver: driver("pc-dimm"), node: target.node, ...slot };
    case "nvdimm":
      return {
        driver: driver("nvdimm"),
        node: target.node,
        "label-size": target.label?.size,
        uuid: memory.uuid,
        unarmed: target.readonly,
        ...slot,
      };
    case "virtio-pmem":
      return { driver: driver(virtioPci("virtio-pmem", undefined)), ...pciPlace(c, memory, path) };
    case "virtio-mem":
      return {
        driver: driver(virtioPci("virtio-mem", undefined)),
        node: target.node,
        "block-size": target.block,
        "requested-size": target.requested,
        memaddr: target.base,
        "dynamic-memslots": target.dynamicMemslots,
        prealloc: isPreallocated(c, need) ? true : undefined,
        ...pciPlace(c, memory, path),
      };
    case "sgx-epc":
      throw unsupported(path, "enclave memory is part of the machine");
  }
}

/** Memory of SGX enclaves; the machine refers to it. */
function enclave(c: DeviceContext, { target }: MemoryDevice, need: MemoryNeed): Json {
  if (!c.capabilities.objects.has("memory-backend-epc"))
    throw unsupported(need.path, `${c.capabilities.binary} has no memory of SGX enclaves`);
  return { "qom-type": "memory-backend-epc", id: need.id, prealloc: true, size: target.size };
}

/** `sgx-epc.0.memdev=memsgxepc0` ... of -machine. */
export function enclaveOptions(c: DeviceContext): Readonly<Record<string, string | number>> {
  const enclaves = c.definition.devices.memories.filter((m) => m.model === "sgx-epc");
  return Object.fromEntries(
    enclaves.flatMap((memory, i): [string, string | number][] => [
      [`sgx-epc.${i}.memdev`, `mem${memoryDeviceId(c, memory)}`],
      [`sgx-epc.${i}.node`, memory.target.node ?? 0],
    ]),
  );
}
