import type { Filesystem } from "@virtmesh/documents/domain/devices/filesystem";
import { unsupported } from "./arguments.ts";
import type { BuildContext, DeviceContext } from "./context.ts";
import { idOf, virtioDevice } from "./context.ts";
import type { DeviceParts } from "./parts.ts";
import { addParts } from "./parts.ts";

type Mount = Extract<Filesystem, { readonly type: "mount" }>;

export function filesystemArguments(c: BuildContext): void {
  for (const [i, fs] of c.definition.devices.filesystems.entries())
    addParts(c.args, filesystemParts(c, fs, i));
}

/** A directory of the host that the guest mounts, by 9p of QEMU or by virtiofs of a daemon. */
export function filesystemParts(c: DeviceContext, fs: Filesystem, index: number): DeviceParts {
  const path = `devices/filesystem[${index + 1}]`;
  if (fs.type !== "mount")
    throw unsupported(`${path}/@type`, `a file system of type ${fs.type} is one of containers, use mount`);
  if (fs.target === undefined) throw unsupported(`${path}/target`, "the guest needs a tag to mount");
  const id = idOf(fs, `fs${index}`);
  switch (fs.driver?.type) {
    case "virtiofs":
      return virtiofs(c, fs, id, path);
    case undefined:
    case "path":
    case "handle":
      return plan9(c, fs, id, path);
    case "loop":
    case "nbd":
    case "ploop":
    case "mtp":
      throw unsupported(`${path}/driver/@type`, `a file system of driver ${fs.driver.type} is not supported`);
  }
}

function plan9(c: DeviceContext, fs: Mount, id: string, path: string): DeviceParts {
  if (fs.driver?.type === "handle")
    throw unsupported(`${path}/driver/@type`, "QEMU has no file systems of driver handle any more, use path");
  if (fs.source?.dir === undefined)
    throw unsupported(`${path}/source/@dir`, "the directory of the host is missing");
  const model = { passthrough: "passthrough", mapped: "mapped", squash: "none" }[
    fs.accessmode ?? "passthrough"
  ];
  return {
    options: [
      {
        name: "-fsdev",
        kind: "local",
        values: {
          security_model: model,
          multidevs: fs.multidevs === "default" ? undefined : fs.multidevs,
          fmode: fs.fmode,
          dmode: fs.dmode,
          writeout: fs.driver?.wrpolicy,
          readonly: fs.readonly,
          id: `fsdev-${id}`,
          path: fs.source.dir,
        },
      },
    ],
    devices: [{ ...virtioDevice(c, "virtio-9p", fs, path), id, fsdev: `fsdev-${id}`, mount_tag: fs.target }],
  };
}

/** The daemon serves the directory; QEMU hands it the guest's memory. */
function virtiofs(c: DeviceContext, fs: Mount, id: string, path: string): DeviceParts {
  const socket = fs.source?.socket ?? virtiofsSocket(c.runtime.directory, id);
  const chardev = `chr-${id}`;
  return {
    chardevs: [
      {
        id: chardev,
        backend: { type: "socket", data: { addr: { type: "unix", data: { path: socket } }, server: false } },
      },
    ],
    devices: [
      {
        ...virtioDevice(c, "vhost-user-fs", fs, path),
        id,
        chardev,
        "queue-size": fs.driver?.queue,
        tag: fs.target,
        bootindex: fs.boot?.order,
      },
    ],
  };
}

/** Where the daemon that the agent starts listens. */
export function virtiofsSocket(directory: string, id: string): string {
  return `${directory}/${id}-fs.sock`;
}
