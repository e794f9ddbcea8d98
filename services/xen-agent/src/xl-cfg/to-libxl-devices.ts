import type { Disk } from "@virtmesh/documents/domain/devices/disk";
import { sourcePath } from "@virtmesh/documents/domain/devices/disk";
import type { Graphics } from "@virtmesh/documents/domain/devices/graphics";
import type { Interface } from "@virtmesh/documents/domain/devices/interface";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { flag, given, type Json, listed, nonZero } from "./json.ts";
import { unsupported } from "./setting.ts";
import { connectionOf } from "./to-cards.ts";
import { backendOf, formatOf, networkTarget } from "./to-disks.ts";
import { isHvm } from "./to-machine.ts";
import { FIRST_PORT } from "./names.ts";
import { addressOf } from "./to-screens.ts";

type Parts = Readonly<Record<string, Json | undefined>>;

/** Lists of devices beside what the guest is built of. */
export function deviceParts(definition: DomainDefinition): Parts {
  const { devices } = definition;
  return {
    disks: listed(devices.disks.map((disk, i) => diskOf(disk, `devices/disk[${i + 1}]`))),
    nics: listed(nics(definition)),
    pcidevs: listed(pciDevices(definition)),
    vfbs: listed(devices.graphics.flatMap((graphics) => framebuffer(graphics))),
    vkbs: listed(devices.graphics.map(() => ({ devid: -1 }))),
    usbctrls: listed(usbControllers(definition)),
    usbdevs: listed(usbDevices(definition)),
    channels: listed(channels(definition)),
  };
}

function diskOf(disk: Disk, path: string): Json {
  const { driver, target } = disk;
  const isCdrom = disk.device === "cdrom";
  const source = disk.type === "network" ? networkTarget(disk, path) : sourcePath(disk);
  const isWritten = disk.readonly !== true;
  return given({
    pdev_path: source,
    vdev: target.dev,
    backend: driver?.name === undefined ? undefined : backendOf(disk, path),
    format: isCdrom && source === undefined ? "empty" : formatOf(disk, path),
    // All of them can be taken out while the guest runs.
    removable: 1,
    readwrite: isWritten ? 1 : undefined,
    is_cdrom: isCdrom ? 1 : undefined,
    discard_enable:
      driver?.discard === undefined || !isWritten ? undefined : flag(driver.discard === "unmap"),
    backend_domname: disk.backendDomain,
  });
}

/** Xen gives credit for so long at a time. */
const RATE_INTERVAL_US = 50_000n;

function nics(definition: DomainDefinition): readonly Json[] {
  // A card that is a device of the host is handed on as one.
  const cards = definition.devices.interfaces.filter(({ type }) => type !== "hostdev");
  return cards.map((nic, devid) => {
    const path = `devices/interface[${definition.devices.interfaces.indexOf(nic) + 1}]`;
    const { average } = nic.bandwidth?.outbound ?? {};
    const bytes = average === undefined ? undefined : (average * 1024n * RATE_INTERVAL_US) / 1_000_000n;
    return given({
      devid,
      mtu: nic.mtu,
      model: nic.model,
      mac: nic.mac?.address,
      ...Object.fromEntries(connectionOf(nic, path)),
      ifname: nic.target?.dev,
      nictype: nicType(definition, nic),
      rate_bytes_per_interval: bytes === undefined ? undefined : Number(bytes),
      rate_interval_usecs: bytes === undefined ? undefined : Number(RATE_INTERVAL_US),
      backend_domname: nic.backendDomain,
    });
  });
}

/** A card of Xen's own, or one that looks like a real one besides. */
function nicType(definition: DomainDefinition, { model }: Interface): string {
  return isHvm(definition) && model !== "netfront" ? "vif_ioemu" : "vif";
}

function pciDevices({ devices }: DomainDefinition): readonly Json[] {
  const cards = devices.interfaces.flatMap((nic) =>
    nic.type === "hostdev" && nic.source.address?.type === "pci" ? [nic.source] : [],
  );
  const others = devices.hostdevs.flatMap((hostdev) => (hostdev.type === "pci" ? [hostdev.source] : []));
  return [...cards, ...others].map((source) => {
    const { domain, bus, slot, function: fn } = (source.address ?? {}) as PciPlace;
    return given({
      func: nonZero(fn),
      dev: nonZero(slot),
      bus: nonZero(bus),
      domain: nonZero(domain),
      permissive: source.writeFiltering === false ? true : undefined,
      rdm_policy: "invalid",
    });
  });
}

interface PciPlace {
  readonly domain?: number;
  readonly bus?: number;
  readonly slot?: number;
  readonly function?: number;
}

/** The screen that drivers of Xen's own draw on. */
function framebuffer(graphics: Graphics): readonly Json[] {
  if (graphics.type !== "vnc" && graphics.type !== "sdl") return [];
  const keymap = graphics.type === "vnc" ? graphics.keymap : undefined;
  return [given({ devid: -1, ...displays(graphics), keymap })];
}

function displays(graphics: Graphics | undefined): Parts {
  return {
    vnc: graphics?.type === "vnc" ? vncOf(graphics) : { enable: "False" },
    sdl: graphics?.type === "sdl" ? sdlOf(graphics) : { enable: "False" },
  };
}

/** A guest that leaves its port open gets one from libxl. */
function vncOf(graphics: Extract<Graphics, { readonly type: "vnc" }>): Json {
  const { port = -1, autoport = port === -1 } = graphics;
  return given({
    enable: "True",
    listen: addressOf(graphics),
    passwd: graphics.passwd,
    display: autoport ? undefined : nonZero(port - FIRST_PORT),
    findunused: flag(autoport),
  });
}

function sdlOf({ display, xauth }: Extract<Graphics, { readonly type: "sdl" }>): Json {
  return given({ enable: "True", opengl: "False", display, xauthority: xauth });
}

/** How the screen of a guest with hardware of its own is seen. */
export function screenParts({ devices }: DomainDefinition): Parts {
  const [graphics] = devices.graphics;
  return {
    ...displays(graphics),
    spice: graphics?.type === "spice" ? spiceOf(graphics) : {},
    keymap: graphics?.type === "vnc" || graphics?.type === "spice" ? graphics.keymap : undefined,
  };
}

function spiceOf(graphics: Extract<Graphics, { readonly type: "spice" }>): Json {
  const { port, tlsPort, passwd, mouse, clipboard, image, streaming } = graphics;
  const isShared = clipboard === true;
  return given({
    enable: "True",
    port: nonZero(port),
    tls_port: nonZero(tlsPort),
    host: addressOf(graphics),
    disable_ticketing: flag(passwd === undefined),
    passwd,
    agent_mouse: flag(mouse !== "server"),
    vdagent: flag(isShared),
    clipboard_sharing: flag(isShared),
    image_compression: image,
    streaming_video: streaming,
  });
}

/** Ports of a controller that nobody asked for. */
const USB_PORTS = 8;

function usbControllers({ devices }: DomainDefinition): readonly Json[] {
  const written = devices.controllers.filter((controller) => controller.type === "usb");
  const plugged = devices.hostdevs.filter(({ type }) => type === "usb").length;
  if (written.length === 0)
    return Array.from({ length: Math.ceil(plugged / USB_PORTS) }, (_, devid) =>
      usbController(devid, 2, USB_PORTS),
    );
  return written.map(({ index = 0, model, ports = USB_PORTS }) => {
    if (model !== undefined && model !== "qusb1" && model !== "qusb2")
      throw unsupported(`libxl has no USB controller of the model ${model}`, "devices/controller/@model");
    return usbController(index, model === "qusb1" ? 1 : 2, ports);
  });
}

function usbController(devid: number, version: number, ports: number): Json {
  return { type: "qusb", devid, version, ports };
}

function usbDevices({ devices }: DomainDefinition): readonly Json[] {
  return devices.hostdevs.flatMap((hostdev) =>
    hostdev.type === "usb"
      ? [
          given({
            "type.hostdev": given({
              hostbus: hostdev.source.address?.bus,
              hostaddr: hostdev.source.address?.device,
            }),
          }),
        ]
      : [],
  );
}

function channels({ devices }: DomainDefinition): readonly Json[] {
  return devices.channels.map((channel, i) => {
    const path = `devices/channel[${i + 1}]`;
    if (channel.target.type !== "xen")
      throw unsupported("libxl has channels of the type xen", `${path}/target/@type`);
    const { name } = channel.target;
    if (channel.type === "pty") return given({ name, "connection.pty": {} });
    if (channel.type !== "unix")
      throw unsupported(`libxl has no channel that ends in ${channel.type}`, `${path}/@type`);
    return given({ name, "connection.socket": given({ path: channel.source?.path }) });
  });
}
