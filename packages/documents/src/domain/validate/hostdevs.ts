import type { Hostdev } from "../devices/hostdev.ts";
import type { DomainDefinition } from "../model.ts";
import { numbered, refuse } from "./refuse.ts";

/** Devices of the host: each is given to a guest once. */
export function checkHostdevs({ devices }: DomainDefinition): void {
  const taken = new Map<string, string>();
  let ramfb: string | undefined;
  for (const [hostdev, path] of numbered(devices.hostdevs, "devices/hostdev")) {
    const identity = identityOf(hostdev);
    if (identity !== undefined) {
      const other = taken.get(identity);
      if (other !== undefined) refuse(path, `the device ${identity} is that of ${other} already`);
      taken.set(identity, path);
    }
    checkAddressKind(hostdev, path);
    const bootable =
      hostdev.type !== "scsi_host" && !(hostdev.type === "mdev" && hostdev.model === "vfio-ap");
    if (hostdev.boot !== undefined && !bootable)
      refuse(`${path}/boot`, `a guest cannot start from a device of type ${hostdev.type}`);
    if (hostdev.teaming !== undefined && hostdev.type !== "pci")
      refuse(`${path}/teaming`, `a device of type ${hostdev.type} is not in a team of cards`);
    if (hostdev.type !== "mdev") continue;
    if (hostdev.display === true && devices.graphics.length === 0)
      refuse(`${path}/@display`, "nobody sees its display", "add <graphics>");
    if (hostdev.ramfb !== true) continue;
    if (hostdev.display !== true)
      refuse(`${path}/@ramfb`, "ramfb is a part of its display", "add display='on'");
    if (ramfb !== undefined) refuse(`${path}/@ramfb`, `${ramfb} has the ramfb already`);
    ramfb = path;
  }
}

/** What names the device on the host; undefined where another like it would do. */
function identityOf(hostdev: Hostdev): string | undefined {
  switch (hostdev.type) {
    case "pci": {
      const { domain = 0, bus = 0, slot = 0, function: f = 0 } = hostdev.source.address;
      return `PCI ${[domain, bus, slot, f].map((n) => n.toString(16)).join(":")}`;
    }
    case "usb": {
      const { vendor, product, address } = hostdev.source;
      const names = [vendor, product, address?.bus, address?.device];
      return `USB ${names.map((n) => n ?? "").join(":")}`;
    }
    case "mdev":
      return hostdev.source.uuid;
    case "scsi": {
      const { source } = hostdev;
      if (source.protocol === "iscsi") return `iSCSI ${source.name} at ${source.hosts[0]?.name ?? ""}`;
      const { bus, target, unit } = source.address;
      return `SCSI ${source.adapter}:${bus}:${target}:${unit}`;
    }
    case "scsi_host":
      return hostdev.source.wwpn;
    case "storage":
    case "misc":
    case "net":
      return undefined;
  }
}

function checkAddressKind(hostdev: Hostdev, path: string): void {
  const { address } = hostdev;
  if (address === undefined) return;
  const kinds = kindsOf(hostdev);
  if (kinds !== undefined && !kinds.includes(address.type))
    refuse(
      `${path}/address/@type`,
      `a device of type ${hostdev.type} has an address of type ${address.type}`,
      `it must be ${kinds.join(" or ")}`,
    );
}

function kindsOf(hostdev: Hostdev): readonly string[] | undefined {
  switch (hostdev.type) {
    case "pci":
      return ["pci", "unassigned"];
    case "usb":
      return ["usb"];
    case "scsi":
      return ["drive"];
    case "scsi_host":
      return ["pci", "ccw"];
    case "mdev":
      return hostdev.model === "vfio-pci" ? ["pci"] : hostdev.model === "vfio-ccw" ? ["ccw"] : undefined;
    case "storage":
    case "misc":
    case "net":
      return undefined;
  }
}
