import type { DomainDefinition } from "../../../model.ts";
import type { Devices } from "../../../devices.ts";
import { numbered } from "../../../validate/refuse.ts";
import { isS390 } from "../machine.ts";
import { unable } from "./unable.ts";
import type { Rule } from "./unable.ts";

export function checkQemuDevices(definition: DomainDefinition): void {
  const { devices, os } = definition;
  const { arch = "" } = os.type;
  for (const [nic, path] of numbered(devices.interfaces, "devices/interface"))
    unable(interfaceRules(nic, path));
  for (const [controller, path] of numbered(devices.controllers, "devices/controller"))
    unable(controllerRules(controller, path));
  for (const [filesystem, path] of numbered(devices.filesystems, "devices/filesystem"))
    unable(filesystemRules(filesystem, path));
  for (const [video, path] of numbered(devices.videos, "devices/video")) unable(videoRules(video, path));
  for (const [watchdog, path] of numbered(devices.watchdogs, "devices/watchdog"))
    unable(watchdogRules(watchdog, path, arch));
  for (const [graphics, path] of numbered(devices.graphics, "devices/graphics"))
    unable([
      [
        graphics.type === "vnc" && (graphics.passwd?.length ?? 0) > 8,
        `${path}/@passwd`,
        "VNC only knows the first 8 characters of a password",
      ],
    ]);
  for (const [hostdev, path] of numbered(devices.hostdevs, "devices/hostdev"))
    unable([[hostdev.mode === "capabilities", `${path}/@mode`, "QEMU has no such devices, containers have"]]);
}

const isPowerOf2 = (n: number) => (n & (n - 1)) === 0;

function interfaceRules(nic: Devices["interfaces"][number], path: string): readonly Rule[] {
  const { driver, model = "", teaming } = nic;
  const virtio = model.startsWith("virtio");
  const size = (name: string, value = 1): Rule => [
    virtio && !isPowerOf2(value),
    `${path}/driver/@${name}`,
    `${value} is not a power of two`,
  ];
  return [
    size("rx_queue_size", driver?.rxQueueSize),
    size("tx_queue_size", driver?.txQueueSize),
    [
      teaming?.type === "persistent" && !virtio,
      `${path}/model`,
      "the card of a team that stays is of model virtio",
    ],
    [
      teaming?.type === "transient" && nic.type !== "hostdev" && nic.type !== "network",
      `${path}/@type`,
      "the card of a team that comes and goes is a device of the host",
    ],
    [nic.type === "vdpa" && model !== "virtio", `${path}/model`, "a card of type vdpa is of model virtio"],
  ];
}

const VIRTIO_SCSI: ReadonlySet<string> = new Set([
  "virtio-scsi",
  "virtio-transitional",
  "virtio-non-transitional",
]);

function controllerRules(controller: Devices["controllers"][number], path: string): readonly Rule[] {
  const { driver, type, model = "" } = controller;
  if (driver === undefined || (type === "scsi" && VIRTIO_SCSI.has(model))) return [];
  const { queues, cmdPerLun, maxSectors, ioeventfd, iothread } = driver;
  const given = { queues, cmd_per_lun: cmdPerLun, max_sectors: maxSectors, ioeventfd, iothread };
  return Object.entries(given).map(([name, value]): Rule => {
    return [value !== undefined, `${path}/driver/@${name}`, `only a virtio-scsi controller has ${name}`];
  });
}

function filesystemRules(filesystem: Devices["filesystems"][number], path: string): readonly Rule[] {
  const { driver, accessmode, fmode, dmode, multidevs, model, type } = filesystem;
  const virtiofs = driver?.type === "virtiofs";
  const modes = fmode !== undefined || dmode !== undefined;
  return [
    [type !== "mount", `${path}/@type`, `QEMU has no file system of type ${type}, only mount`],
    [
      driver?.type !== undefined && !["path", "handle", "virtiofs", "mtp"].includes(driver.type),
      `${path}/driver/@type`,
      `QEMU has no file system by ${driver?.type}`,
    ],
    [
      modes && accessmode !== "mapped",
      `${path}/@${fmode === undefined ? "dmode" : "fmode"}`,
      "permissions are chosen where they are mapped; add accessmode='mapped'",
    ],
    [
      virtiofs && accessmode !== undefined && accessmode !== "passthrough",
      `${path}/@accessmode`,
      "virtiofs passes permissions through",
    ],
    [
      virtiofs && driver.wrpolicy !== undefined,
      `${path}/driver/@wrpolicy`,
      "virtiofs has no policy of writing",
    ],
    [virtiofs && driver.format !== undefined, `${path}/driver/@format`, "virtiofs has no format"],
    [virtiofs && model !== undefined, `${path}/@model`, "virtiofs has one model only"],
    [
      virtiofs && multidevs !== undefined && multidevs !== "default",
      `${path}/@multidevs`,
      "virtiofs has no multidevs",
    ],
  ];
}

const VIDEOS: ReadonlySet<string> = new Set([
  ...["vga", "cirrus", "vmvga", "qxl", "virtio", "none", "bochs", "ramfb", "default"],
]);
const MAIN_VIDEOS: ReadonlySet<string> = new Set(["cirrus", "vga", "vmvga", "bochs", "ramfb"]);

function videoRules({ model }: Devices["videos"][number], path: string): readonly Rule[] {
  const { type = "default", heads = 1, acceleration, vgamem, vram } = model ?? {};
  const place = `${path}/model`;
  return [
    [!VIDEOS.has(type), `${place}/@type`, `QEMU has no screen of type ${type}`],
    [
      model?.primary === false && MAIN_VIDEOS.has(type),
      `${place}/@type`,
      `a screen of type ${type} is the first or none`,
    ],
    [
      heads > 1 && type !== "qxl" && type !== "virtio",
      `${place}/@heads`,
      `a screen of type ${type} has one head`,
    ],
    [acceleration?.accel2d !== undefined, `${place}/acceleration/@accel2d`, "QEMU does not speed up 2D"],
    [
      acceleration?.accel3d === true && type !== "virtio",
      `${place}/acceleration/@accel3d`,
      `a screen of type ${type} draws no 3D, virtio does`,
    ],
    [vgamem !== undefined && vgamem < 1024, `${place}/@vgamem`, "it is at least 1 MiB"],
    [vgamem !== undefined && !isPowerOf2(vgamem), `${place}/@vgamem`, "it is a power of two"],
    [type === "vga" && vram !== undefined && vram < 1024, `${place}/@vram`, "it is at least 1 MiB"],
  ];
}

function watchdogRules(
  { model, address }: Devices["watchdogs"][number],
  path: string,
  arch: string,
): readonly Rule[] {
  const place = `${path}/address`;
  const given = address !== undefined;
  return [
    [model === "i6300esb" && given && address.type !== "pci", `${place}/@type`, "an i6300esb is on PCI"],
    [model === "ib700" && given && address.type !== "isa", place, "an ib700 has a place of its own"],
    [(model === "itco" || model === "diag288") && given, place, `${model} is part of the machine`],
    [model === "diag288" && !isS390(arch), `${path}/@model`, `${arch} has no diag288, only s390 has`],
  ];
}
