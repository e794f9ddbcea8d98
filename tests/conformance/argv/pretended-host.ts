import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { Runtime, SpicePlace, Tap, VncPlace } from "../../../services/qemu-agent/src/cmdline/runtime.ts";
import type { TlsFiles, TlsUse } from "../../../services/qemu-agent/src/cmdline/tls.ts";
import type { HostSettings } from "./cases.ts";

/** The directory of the guest while it runs; the comparison knows it as a private one. */
const DIRECTORY = "/run/guest";
/** The ports that libvirt's test program hands out. */
const VNC_PORT = 5900;
const SPICE_PORT = 5901;
const SPICE_TLS_PORT = 5902;
const FIRST_WEBSOCKET = 5700;

/** The host that libvirt's test program pretends to run on: what an agent there would allot to a guest. */
export function pretendedRuntime(
  definition: IdentifiedDomain,
  settings: HostSettings,
  incoming: boolean,
): Runtime {
  const on = (name: string) => settings.get(name) === "1" || settings.get(name) === "true";
  return {
    accelerator: definition.type === "kvm" ? "kvm" : "tcg",
    qmpFd: 3,
    directory: DIRECTORY,
    incoming,
    taps: taps(definition),
    vhost: definition.type === "kvm",
    ...places(definition, on),
    consoleSockets: new Map(),
    secondNodes: new Set(),
    startTimeMs: 0,
    utcOffsetMs: 0,
    tls: tls(settings, on),
    sasl: new Set([
      ...(on("vncSASL") ? (["vnc"] as const) : []),
      ...(on("spiceSASL") ? (["spice"] as const) : []),
    ]),
    passwords: new Set([
      ...(settings.has("vncPassword") ? (["vnc"] as const) : []),
      ...(settings.has("spicePassword") ? (["spice"] as const) : []),
    ]),
    hugepages: [0, 1].flatMap((i) => {
      const [path, size] = [settings.get(`hugetlbfs[${i}].mnt_dir`), settings.get(`hugetlbfs[${i}].size`)];
      return path === undefined || size === undefined ? [] : [{ path, pageBytes: BigInt(size) * 1024n }];
    }),
    memoryDirectory: settings.get("memoryBackingDir") ?? DIRECTORY,
    handed: handed(definition),
    isHostCdrom: (path) => path === "/dev/cdrom",
    scsiGeneric: () => "/dev/sg0",
    renderNode: "/dev/dri/foo",
    allowPassthrough: true,
  };
}

function taps({ devices }: IdentifiedDomain): ReadonlyMap<number, Tap> {
  return new Map(
    devices.interfaces.map((nic, i): [number, Tap] => {
      const queues = nic.type === "hostdev" ? 1 : (nic.driver?.queues ?? 1);
      const fds = Array.from({ length: queues }, (_, n) => 10 + n);
      return [i, { fds, vhostFds: fds }];
    }),
  );
}

/** Ports as that program hands them out; sockets instead where the host is set up so. */
function places(
  { devices }: IdentifiedDomain,
  on: (setting: string) => boolean,
): Pick<Runtime, "vnc" | "spice"> {
  const vnc = new Map<number, VncPlace>();
  const spice = new Map<number, SpicePlace>();
  const port = (given: number | undefined, auto: boolean | undefined, handedOut: number | undefined) => {
    if (given !== undefined && given > 0 && auto !== true) return given;
    return auto === true || given === -1 ? handedOut : undefined;
  };
  for (const [i, graphics] of devices.graphics.entries()) {
    if (graphics.type !== "vnc" && graphics.type !== "spice") continue;
    const [listen] = graphics.listens;
    const address =
      listen?.type === "address" || listen?.type === "network"
        ? (listen.address ?? "127.0.0.1")
        : "127.0.0.1";
    if (listen !== undefined && listen.type !== "address" && listen.type !== "network") continue;
    const unnamed = listen === undefined || (listen.type === "address" && listen.address === undefined);
    if (graphics.type === "vnc") {
      if (graphics.socket !== undefined) continue;
      if (on("vncAutoUnixSocket") && unnamed) vnc.set(i, { socket: `${DIRECTORY}/vnc.sock` });
      else {
        const websocket = graphics.websocket === -1 ? FIRST_WEBSOCKET : graphics.websocket;
        const display = port(graphics.port, graphics.autoport, VNC_PORT) ?? VNC_PORT;
        vnc.set(i, { address, port: display, ...(websocket === undefined ? {} : { websocket }) });
      }
    } else if (on("spiceAutoUnixSocket") && unnamed) spice.set(i, { socket: `${DIRECTORY}/spice.sock` });
    else {
      const plain = port(
        graphics.port,
        graphics.autoport,
        graphics.defaultMode === "secure" ? undefined : SPICE_PORT,
      );
      const encrypted = port(
        graphics.tlsPort,
        graphics.autoport,
        on("spiceTLS") && graphics.defaultMode !== "insecure" ? SPICE_TLS_PORT : undefined,
      );
      spice.set(i, {
        address,
        ...(plain === undefined ? {} : { port: plain }),
        ...(encrypted === undefined ? {} : { tlsPort: encrypted }),
      });
    }
  }
  return { vnc, spice };
}

function tls(settings: HostSettings, on: (setting: string) => boolean): Runtime["tls"] {
  const files = (use: TlsUse, setting: string, always = false): [TlsUse, TlsFiles][] => {
    const directory = settings.get(`${setting}TLSx509certdir`) ?? settings.get("defaultTLSx509certdir");
    if (directory === undefined || !(always || on(`${setting}TLS`))) return [];
    const verifyPeer = on(`${setting}TLSx509verify`) || use !== "vnc";
    const keyEncrypted = settings.has(`${setting}TLSx509secretUUID`);
    return [[use, { directory, verifyPeer, keyEncrypted }]];
  };
  return Object.fromEntries([
    ...files("chardev", "chardev"),
    ...files("nbd", "nbd", true),
    ...files("vxhs", "vxhs"),
    ...files("vnc", "vnc"),
    ...files("spice", "spice"),
  ]);
}

/** Descriptors of devices that the host opens for QEMU. */
function handed({ devices }: IdentifiedDomain): ReadonlyMap<string, number> {
  const ids = [
    ...devices.vsocks.map((device, i) => device.alias ?? `vsock${i}`),
    ...devices.hostdevs.map((device, i) => device.alias ?? `hostdev${i}`),
  ];
  return new Map(ids.map((id, i) => [id, 30 + i]));
}
