import type { Serial } from "@virtmesh/documents/domain/devices/chardev";
import type { Filesystem } from "@virtmesh/documents/domain/devices/filesystem";
import { fileIn } from "./from-drives.ts";
import type { VmxReading } from "./from-vmx.ts";
import type { VmxSettings } from "./settings.ts";

export interface Ports {
  readonly serials: readonly Serial[];
  readonly parallels: readonly Serial[];
  /** The first serial port is the console as well. */
  readonly consoles: readonly Serial[];
}

const SERIAL_PORTS = 4;
const PARALLEL_PORTS = 3;

/** libvirt's words for how the bytes are wrapped, by scheme (vSphere API, VirtualSerialPortURIBackingInfo). */
const PROTOCOLS: Readonly<Record<string, "raw" | "telnet" | "telnets" | "tls">> = {
  ...{ tcp: "raw", tcp4: "raw", tcp6: "raw" },
  ...{ telnet: "telnet", telnets: "telnets" },
  ...{ ssl: "tls", "tcp+ssl": "tls", "tcp4+ssl": "tls", "tcp6+ssl": "tls" },
};

/** Serial and parallel ports. @throws CONFIG_INVALID */
export function portsOf(vmx: VmxSettings, reading: VmxReading): Ports {
  const all = (kind: "serial" | "parallel", count: number): readonly Serial[] =>
    Array.from({ length: count }, (_, port) => port)
      .filter((port) => vmx.flag(`${kind}${port}.present`))
      .map((port) => portOf(vmx, `${kind}${port}`, port, reading));
  const serials = all("serial", SERIAL_PORTS);
  return {
    serials,
    parallels: all("parallel", PARALLEL_PORTS),
    consoles: serials.slice(0, 1).map((serial) => ({ ...serial, target: { type: "serial", port: 0 } })),
  };
}

function portOf(vmx: VmxSettings, prefix: string, port: number, reading: VmxReading): Serial {
  const fileName = vmx.needed(`${prefix}.fileName`, "it says where the bytes go");
  const target = { port };
  const path = { source: { path: fileName, seclabels: [] }, target };
  const type = vmx.word(`${prefix}.fileType`);
  // Servers leave the type of a device out.
  if (type === undefined || type === "device") return { type: "dev", ...path };
  if (type === "file") {
    const file = fileIn(vmx, `${prefix}.fileName`, fileName, reading);
    return { type: "file", source: { path: file, seclabels: [] }, target };
  }
  if (prefix.startsWith("serial") && type === "pipe") return { type: "pipe", ...path };
  if (prefix.startsWith("serial") && type === "network") return networkPort(vmx, prefix, fileName, port);
  throw vmx.wrong(`${prefix}.fileType`, "is no end of such a port");
}

function networkPort(vmx: VmxSettings, prefix: string, address: string, port: number): Serial {
  const [, scheme = "tcp", host, service] =
    /^(?:([a-z0-9+]+):\/\/)?(\[[^\]]+\]|[^:/]+):(\d+)$/i.exec(address) ?? [];
  if (host === undefined || service === undefined)
    throw vmx.wrong(`${prefix}.fileName`, "must be of the form scheme://host:port");
  const protocol = PROTOCOLS[scheme.toLowerCase()];
  if (protocol === undefined)
    throw vmx.wrong(
      `${prefix}.fileName`,
      `has a scheme that is none of ${Object.keys(PROTOCOLS).join(", ")}`,
    );
  const end = vmx.word(`${prefix}.network.endPoint`) ?? "server";
  if (end !== "server" && end !== "client")
    throw vmx.wrong(`${prefix}.network.endPoint`, 'must be "server" or "client"');
  return {
    type: "tcp",
    source: { mode: end === "server" ? "bind" : "connect", host: host.replace(/^\[|\]$/g, ""), service },
    protocol,
    target: { port },
  };
}

/** Folders of the host, where the guest may see any. @throws CONFIG_INVALID */
export function filesystemsOf(vmx: VmxSettings): readonly Filesystem[] {
  if (vmx.flag("isolation.tools.hgfs.disable", true)) return [];
  const count = Number(vmx.integer("sharedFolder.maxNum") ?? 0n);
  return vmx
    .numbersOf("sharedFolder")
    .filter((number) => number < count)
    .map((number) => `sharedFolder${number}`)
    .filter((prefix) => vmx.flag(`${prefix}.present`) && vmx.flag(`${prefix}.enabled`))
    .map((prefix) => ({
      ...{ type: "mount", accessmode: "passthrough" },
      source: { dir: vmx.needed(`${prefix}.hostPath`, "the folder of the host") },
      target: vmx.needed(`${prefix}.guestName`, "the name by which the guest sees it"),
      ...(vmx.flag(`${prefix}.writeAccess`) ? {} : { readonly: true }),
    }));
}
