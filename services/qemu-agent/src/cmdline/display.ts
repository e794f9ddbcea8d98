import type { VncGraphics } from "@virtmesh/documents/domain/devices/graphics";
import type { Input } from "@virtmesh/documents/domain/devices/input";
import type { Video } from "@virtmesh/documents/domain/devices/video";
import type { Json } from "./arguments.ts";
import { unsupported } from "./arguments.ts";
import type { BuildContext } from "./context.ts";
import { deviceDriver, virtioPci, virtioProperties } from "./context.ts";
import { usbId } from "./controllers.ts";
import { refuseAll } from "./refuse.ts";
import type { VncPlace } from "./runtime.ts";

/** The first port of VNC; QEMU counts displays from it. */
const VNC_BASE = 5900;

/** Screens, how they are seen, keyboards and pointers. */
export function displayArguments(c: BuildContext): void {
  const { devices } = c.definition;
  for (const [i, graphics] of devices.graphics.entries()) {
    const path = `devices/graphics[${i + 1}]`;
    if (graphics.type !== "vnc")
      throw unsupported(`${path}/@type`, `graphics of type ${graphics.type} are not supported, use vnc`);
    vnc(c, graphics, i, path);
  }
  for (const [i, video] of devices.videos.entries()) videoDevice(c, video, i);
  for (const [i, input] of devices.inputs.entries()) inputDevice(c, input, i);
}

function vnc({ runtime, args }: BuildContext, graphics: VncGraphics, index: number, path: string): void {
  refuseAll(`${path}/`, { keymap: graphics.keymap, audio: graphics.audio });
  const place = runtime.vnc.get(index) ?? placeOf(graphics, path);
  const options = {
    // The password itself is set over QMP: arguments can be read by everybody on the host.
    password: graphics.passwd === undefined ? undefined : true,
    share: graphics.sharePolicy,
    "power-control": graphics.powerControl,
  };
  if ("socket" in place) {
    args.options("-vnc", `unix:${place.socket.replaceAll(",", ",,")}`, options);
    return;
  }
  if (place.port < VNC_BASE)
    throw unsupported(`${path}/@port`, `VNC ports begin at ${VNC_BASE}, not at ${place.port}`);
  const host = place.address.includes(":") ? `[${place.address}]` : place.address;
  args.options("-vnc", `${host}:${place.port - VNC_BASE}`, { websocket: place.websocket, ...options });
}

function placeOf(graphics: VncGraphics, path: string): VncPlace {
  const [listen] = graphics.listens;
  const socket = listen?.type === "socket" ? listen.socket : graphics.socket;
  if (socket !== undefined) return { socket };
  if (listen?.type === "none" || listen?.type === "socket") {
    throw unsupported(`${path}/listen`, "VNC needs an address, or a socket with a path");
  }
  const address = listen?.address ?? graphics.listen ?? "127.0.0.1";
  const { port, websocket } = graphics;
  if (port === undefined || port < 0) throw unsupported(`${path}/@port`, "the agent chose no port for VNC");
  return { address, port, ...(websocket === undefined || websocket < 0 ? {} : { websocket }) };
}

/** A screen that does not say what it is. */
const DEFAULT_MODEL: NonNullable<Video["model"]> = { type: "default" };

function videoDevice(c: BuildContext, video: Video, index: number): void {
  const path = `devices/video[${index + 1}]`;
  const { model = DEFAULT_MODEL } = video;
  if (model.type === "none") return;
  refuseAll(`${path}/`, { driver: video.driver });
  if (model.acceleration?.accel3d === true)
    throw unsupported(`${path}/model/acceleration`, "3D acceleration is not supported");
  if (model.blob !== undefined) throw unsupported(`${path}/model/@blob`, "blob resources are not supported");
  const primary = model.primary ?? index === 0;
  c.args.json("-device", {
    ...videoModel(c, video, primary, path),
    id: `video${index}`,
    xres: model.resolution?.x,
    yres: model.resolution?.y,
    ...(model.type === "ramfb" ? {} : c.pci.place(video.address, path)),
  });
}

function videoModel(c: BuildContext, { model = DEFAULT_MODEL }: Video, primary: boolean, path: string): Json {
  const driver = (name: string) => deviceDriver(c, name, `${path}/model`);
  const mib = (kib: number | undefined) => (kib === undefined ? undefined : Math.ceil(kib / 1024));
  switch (model.type) {
    case "virtio":
      return { driver: driver(primary ? "virtio-vga" : "virtio-gpu-pci"), max_outputs: model.heads };
    case "vga":
    case "default":
      if (!primary) throw unsupported(`${path}/model`, "a second screen must be of type virtio or qxl");
      return { driver: driver("VGA"), vgamem_mb: mib(model.vgamem ?? model.vram) };
    case "qxl":
      return {
        driver: driver(primary ? "qxl-vga" : "qxl"),
        max_outputs: model.heads,
        // QEMU takes these two in bytes.
        ram_size: model.ram === undefined ? undefined : model.ram * 1024,
        vram_size: model.vram === undefined ? undefined : model.vram * 1024,
        vram64_size_mb: mib(model.vram64),
        vgamem_mb: mib(model.vgamem),
      };
    case "cirrus":
      return { driver: driver("cirrus-vga") };
    case "vmvga":
      return { driver: driver("vmware-svga"), vgamem_mb: mib(model.vram) };
    case "bochs":
      return { driver: driver("bochs-display") };
    case "ramfb":
      return { driver: driver("ramfb") };
    case "xen":
    case "vbox":
    case "gop":
    case "parallels":
    case "none":
      throw unsupported(`${path}/model/@type`, `a screen of type ${model.type} is not supported`);
  }
}

function inputDevice(c: BuildContext, input: Input, index: number): void {
  const path = `devices/input[${index + 1}]`;
  const { type, bus = type === "tablet" ? "usb" : "ps2" } = input;
  if (type === "passthrough" || type === "evdev")
    throw unsupported(`${path}/@type`, "devices of the host cannot be passed on");
  const names = { keyboard: "kbd", mouse: "mouse", tablet: "tablet" } as const;
  const id = `input${index}`;
  switch (bus) {
    case "ps2":
      // The board has a PS/2 keyboard and mouse.
      if (type === "tablet")
        throw unsupported(`${path}/@bus`, "a tablet cannot be on PS/2, use usb or virtio");
      break;
    case "usb": {
      const { address } = input;
      c.args.json("-device", {
        driver: deviceDriver(c, `usb-${names[type]}`, path),
        id,
        bus: `${usbId(address?.type === "usb" ? address.bus : 0)}.0`,
        port: address?.type === "usb" ? address.port : undefined,
      });
      break;
    }
    case "virtio":
      c.args.json("-device", {
        driver: deviceDriver(c, virtioPci(`virtio-${type}`, input.model), path),
        id,
        ...virtioProperties(input.driver),
        ...c.pci.place(input.address, path),
      });
      break;
    case "xen":
    case "parallels":
    case "none":
      throw unsupported(`${path}/@bus`, `an input device on the bus ${bus} is not supported`);
  }
}
