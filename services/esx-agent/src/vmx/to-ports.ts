import type { Serial } from "@virtmesh/documents/domain/devices/chardev";
import type { Filesystem } from "@virtmesh/documents/domain/devices/filesystem";
import type { Devices } from "@virtmesh/documents/domain/devices";
import type { Pair } from "./settings.ts";
import { onVolume } from "./to-drives.ts";
import { unsupported } from "./unsupported.ts";

const MOST = { serial: 4, parallel: 3 } as const;
const SCHEMES = { raw: "tcp", telnet: "telnet", telnets: "telnets", tls: "ssl" } as const;

/** Serial and parallel ports. @throws CONFIG_UNSUPPORTED */
export function portSettings({ serials, parallels }: Devices): readonly Pair[] {
  return [
    ...serials.flatMap((port, i) => settingsOf("serial", port, i)),
    ...parallels.flatMap((port, i) => settingsOf("parallel", port, i)),
  ];
}

function settingsOf(kind: keyof typeof MOST, port: Serial, order: number): readonly Pair[] {
  const number = port.target?.port ?? order;
  if (number >= MOST[kind])
    throw unsupported(`there are ${MOST[kind]} ${kind} ports at most, from 0`, `devices/${kind}[${number}]`);
  const settings: readonly Pair[] = [
    ["present", "true"],
    ...endOf(kind, port, `${kind}[${number}]`),
    // What VMware's own client sets.
    ...(kind === "serial" ? [["yieldOnMsrRead", "true"] as const] : []),
  ];
  return settings.map(([name, value]): Pair => [`${kind}${number}.${name}`, value]);
}

function endOf(kind: keyof typeof MOST, port: Serial, device: string): readonly Pair[] {
  if (port.type === "dev")
    return [
      ["fileType", "device"],
      ["fileName", port.source?.path ?? ""],
    ];
  if (port.type === "file")
    return [
      ["fileType", "file"],
      ["fileName", onVolume(port.source.path, device)],
    ];
  if (kind === "serial" && port.type === "pipe")
    return [
      ["fileType", "pipe"],
      ["pipe.endPoint", "client"],
      ["tryNoRxLoss", "false"],
      ["fileName", port.source?.path ?? ""],
    ];
  if (kind === "serial" && port.type === "tcp") {
    const { host = "", service, mode = "connect" } = port.source;
    const address = host.includes(":") ? `[${host}]` : host;
    return [
      ["fileType", "network"],
      ["fileName", `${SCHEMES[port.protocol ?? "raw"]}://${address}:${service}`],
      ["network.endPoint", mode === "bind" ? "server" : "client"],
    ];
  }
  throw unsupported(`a .vmx file has no ${kind} port of the type ${port.type}`, `devices/${device}`);
}

/** Folders of the host. @throws CONFIG_UNSUPPORTED */
export function filesystemSettings(filesystems: readonly Filesystem[]): readonly Pair[] {
  if (filesystems.length === 0) return [];
  return [
    ["isolation.tools.hgfs.disable", "false"],
    ["sharedFolder.maxNum", String(filesystems.length)],
    ...filesystems.flatMap((filesystem, number): readonly Pair[] => {
      if (filesystem.type !== "mount")
        throw unsupported(
          `a .vmx file has folders of the host (type mount), and not ${filesystem.type}`,
          "devices/filesystem",
        );
      const set = (name: string, value: string): Pair => [`sharedFolder${number}.${name}`, value];
      return [
        ...[set("present", "true"), set("enabled", "true"), set("readAccess", "true")],
        set("writeAccess", String(filesystem.readonly !== true)),
        set("hostPath", filesystem.source?.dir ?? ""),
        set("guestName", filesystem.target ?? ""),
      ];
    }),
  ];
}
