import { type Disk, sourcePath } from "@virtmesh/documents/domain/devices/disk";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { joinFields } from "./fields.ts";
import { type Pair, unsupported } from "./setting.ts";
import { some } from "./to-machine.ts";

const FORMATS = ["raw", "qcow", "qcow2", "qed", "vhd"];

/** Who serves a disk, by the name of libvirt's driver. */
const BACKENDS: Readonly<Record<string, string>> = { qemu: "qdisk", file: "qdisk", tap: "tap", phy: "phy" };

/** Disks as in xl-disk-configuration(5). @throws CONFIG_UNSUPPORTED */
export function diskSettings({ devices }: DomainDefinition): readonly Pair[] {
  return some(
    "disk",
    devices.disks.map((disk, i) => diskText(disk, `devices/disk[${i + 1}]`)),
  );
}

function diskText(disk: Disk, path: string): string {
  const { driver, target } = disk;
  if (disk.device !== "disk" && disk.device !== "cdrom")
    throw unsupported(`a guest of xl has disks and CD drives, no ${disk.device}`, `${path}/@device`);
  const head = joinFields(
    [
      ["format", formatOf(disk, path)],
      ["vdev", target.dev],
      ["access", disk.readonly === true ? "ro" : "rw"],
      ["backendtype", backendOf(disk, path)],
      ["devtype", disk.device === "cdrom" ? "cdrom" : undefined],
      ["backend", disk.backendDomain],
    ],
    path,
  );
  const discard = { unmap: ",discard", ignore: ",no-discard", none: "" }[driver?.discard ?? "none"];
  const source = disk.type === "network" ? networkTarget(disk, path) : sourcePath(disk);
  // The target is the rest of the text, whatever is in it.
  return `${head}${discard}${source === undefined ? "" : `,target=${source}`}`;
}

/** @throws CONFIG_UNSUPPORTED */
export function formatOf({ driver }: Disk, path: string): string {
  const format = driver?.type ?? "raw";
  if (!FORMATS.includes(format))
    throw unsupported(`Xen reads images of ${FORMATS.join(", ")}, not ${format}`, `${path}/driver/@type`);
  return format;
}

/** @throws CONFIG_UNSUPPORTED */
export function backendOf({ driver, type }: Disk, path: string): string | undefined {
  // What xl itself takes for a device.
  if (driver?.name === undefined) return type === "block" ? "phy" : undefined;
  const known = BACKENDS[driver.name];
  if (known === undefined)
    throw unsupported(
      `disks of Xen are served by ${Object.keys(BACKENDS).join(", ")}, not by ${driver.name}`,
      `${path}/driver/@name`,
    );
  return known;
}

/** In the words of QEMU. @throws CONFIG_UNSUPPORTED */
export function networkTarget(
  disk: Extract<Disk, { readonly type: "network" }>,
  path: string,
): string | undefined {
  const { source } = disk;
  if (source === undefined) return undefined;
  if (source.protocol !== "rbd")
    throw unsupported(
      `xl reaches disks on the network by rbd, not by ${source.protocol}`,
      `${path}/source/@protocol`,
    );
  if (disk.auth !== undefined || source.auth !== undefined)
    throw unsupported("a secret must not be written into a file of xl", `${path}/auth`);
  const name = source.name ?? "";
  if (name.includes(":"))
    throw unsupported(`"${name}" has a colon, which ends the name`, `${path}/source/@name`);
  const hosts = source.hosts.map(({ name: host = "", port }) => {
    const address = host.includes(":") ? `[${host.replaceAll(":", "\\:")}]` : host;
    return port === undefined ? address : `${address}\\:${port}`;
  });
  return [
    `rbd:${name}${source.snapshot === undefined ? "" : `@${source.snapshot}`}`,
    "auth_supported=none",
    ...(hosts.length === 0 ? [] : [`mon_host=${hosts.join("\\;")}`]),
    ...(source.config === undefined ? [] : [`conf=${source.config.replaceAll(":", "\\:")}`]),
  ].join(":");
}
