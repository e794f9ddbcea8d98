import type { Shmem } from "@virtmesh/documents/domain/devices/shmem";
import { unsupported } from "./arguments.ts";
import type { BuildContext, DeviceContext } from "./context.ts";
import { deviceDriver, idOf, objectType, pciPlace } from "./context.ts";
import type { DeviceParts } from "./parts.ts";
import { addParts } from "./parts.ts";

export function shmemArguments(c: BuildContext): void {
  for (const [i, shmem] of c.definition.devices.shmems.entries()) addParts(c.args, shmemParts(c, shmem, i));
}

/** Memory that several guests share: plain, or with a server that also rings between them. */
export function shmemParts(c: DeviceContext, shmem: Shmem, index: number): DeviceParts {
  const path = `devices/shmem[${index + 1}]`;
  const { model = "ivshmem", server, msi, role, size, name } = shmem;
  const id = idOf(shmem, `shmem${index}`);
  const common = {
    id,
    vectors: msi?.vectors,
    ioeventfd: msi?.ioeventfd,
    ...pciPlace(c, shmem, path),
  };
  switch (model) {
    case "ivshmem-plain": {
      if (size === undefined) throw unsupported(`${path}/size`, "shared memory needs a size");
      const memory = {
        "qom-type": objectType(c, "memory-backend-file", path),
        id: `mem${id}`,
        "mem-path": `/dev/shm/${name}`,
        size,
        share: true,
      };
      const master = role === undefined ? undefined : role === "master" ? "on" : "off";
      const device = { driver: deviceDriver(c, model, path), memdev: `mem${id}`, master, ...common };
      return { objects: [memory], devices: [device] };
    }
    case "ivshmem-doorbell": {
      const socket = server?.path ?? `/var/lib/libvirt/shmem-${name}-sock`;
      const addr = { type: "unix", data: { path: socket } };
      return {
        chardevs: [{ id: `char${id}`, backend: { type: "socket", data: { addr, server: false } } }],
        devices: [{ driver: deviceDriver(c, model, path), chardev: `char${id}`, ...common }],
      };
    }
    case "ivshmem":
      throw unsupported(
        `${path}/model`,
        "QEMU has no ivshmem any more, use ivshmem-plain or ivshmem-doorbell",
      );
  }
}
