import type { Video } from "@virtmesh/documents/domain/devices/video";
import type { Json } from "./arguments.ts";
import { unsupported } from "./arguments.ts";
import type { BuildContext, DeviceContext } from "./context.ts";
import { deviceDriver, idOf, pciPlace, virtioProperties } from "./context.ts";
import type { DeviceParts } from "./parts.ts";
import { addParts } from "./parts.ts";

export function videoArguments(c: BuildContext): void {
  for (const [i, video] of c.definition.devices.videos.entries()) addParts(c.args, videoParts(c, video, i));
}

/** A screen; the first is the one that the firmware uses. */
export function videoParts(c: DeviceContext, video: Video, index: number): DeviceParts {
  const path = `devices/video[${index + 1}]`;
  const { model = { type: "vga" as const }, driver } = video;
  if (model.type === "none") return {};
  if (driver?.vgaconf !== undefined)
    throw unsupported(`${path}/driver/@vgaconf`, "the place of VGA registers is not one of QEMU");
  const primary = model.primary ?? index === 0;
  const id = idOf(video, `video${index}`);
  const helper = driver?.name === "vhostuser";
  if (helper && model.type !== "virtio")
    throw unsupported(
      `${path}/driver/@name`,
      "only a screen of type virtio can be drawn by a process of its own",
    );
  const chardev = `${id}-chardev`;
  return {
    ...(helper
      ? { chardevs: [{ id: chardev, backend: { type: "socket", data: { addr: gpuSocket(c, id) } } }] }
      : {}),
    devices: [
      {
        ...(model.type === "virtio"
          ? virtioScreen(c, video, primary, path)
          : screen(c, video, primary, path)),
        id,
        chardev: helper ? chardev : undefined,
        edid: model.edid,
        xres: model.resolution?.x,
        yres: model.resolution?.y,
        ...(model.type === "ramfb" ? {} : pciPlace(c, video, path)),
      },
    ],
  };
}

/** Where the process that draws listens. */
function gpuSocket({ runtime }: DeviceContext, id: string): Json {
  return { type: "unix", data: { path: `${runtime.directory}/${id}-vhost-user-gpu.sock` } };
}

function virtioScreen(c: DeviceContext, { model, driver }: Video, primary: boolean, path: string): Json {
  const virgl = model?.acceleration?.accel3d === true;
  const names =
    driver?.name === "vhostuser"
      ? ["vhost-user-vga", "vhost-user-gpu-pci"]
      : virgl
        ? ["virtio-vga-gl", "virtio-gpu-gl-pci"]
        : ["virtio-vga", "virtio-gpu-pci"];
  return {
    driver: deviceDriver(c, names[primary ? 0 : 1] ?? "", `${path}/model`),
    max_outputs: model?.heads,
    blob: model?.blob,
    ...virtioProperties(driver),
  };
}

function screen(
  c: DeviceContext,
  { model = { type: "vga" as const } }: Video,
  primary: boolean,
  path: string,
): Json {
  const driver = (name: string) => deviceDriver(c, name, `${path}/model`);
  const mib = (kib: number | undefined) => (kib === undefined ? undefined : Math.ceil(kib / 1024));
  const bytes = (kib: number | undefined) => (kib === undefined ? undefined : kib * 1024);
  switch (model.type) {
    case "vga":
    case "default":
      if (!primary)
        throw unsupported(`${path}/model`, "a second screen must be of type virtio, qxl or bochs");
      return { driver: driver("VGA"), vgamem_mb: mib(model.vgamem ?? model.vram) };
    case "qxl":
      return {
        driver: driver(primary ? "qxl-vga" : "qxl"),
        max_outputs: model.heads,
        // QEMU takes these two in bytes.
        ram_size: bytes(model.ram),
        vram_size: bytes(model.vram),
        vram64_size_mb: mib(model.vram64),
        vgamem_mb: mib(model.vgamem),
      };
    case "cirrus":
      return { driver: driver("cirrus-vga") };
    case "vmvga":
      return { driver: driver("vmware-svga"), vgamem_mb: mib(model.vram) };
    case "bochs":
      return { driver: driver("bochs-display"), vgamem: bytes(model.vram) };
    case "ramfb":
      return { driver: driver("ramfb") };
    case "virtio":
    case "none":
    case "xen":
    case "vbox":
    case "gop":
    case "parallels":
      throw unsupported(`${path}/model/@type`, `a screen of type ${model.type} is not supported`);
  }
}
