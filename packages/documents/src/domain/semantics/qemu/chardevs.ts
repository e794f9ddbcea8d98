import type { DevicesDraft } from "../walk.ts";
import { refuse } from "../refuse.ts";
import type { Board } from "./machine.ts";
import { isS390, isX86 } from "./machine.ts";

type SerialDraft = DevicesDraft["serials"][number];

/** The kind of serial port that a board has; undefined where none is known. */
function defaultType(arch: string, board: Board): string | undefined {
  if (isX86(arch)) return "isa-serial";
  if (board === "pseries") return "spapr-vio-serial";
  if (board === "arm-virt" || board === "riscv-virt") return "system-serial";
  return isS390(arch) ? "sclp-serial" : undefined;
}

const MODELS: ReadonlyMap<string, string> = new Map([
  ["isa-serial", "isa-serial"],
  ["usb-serial", "usb-serial"],
  ["pci-serial", "pci-serial"],
  ["spapr-vio-serial", "spapr-vty"],
  ["sclp-serial", "sclpconsole"],
  ["isa-debug", "isa-debugcon"],
]);

function modelOf(type: string, board: Board): string | undefined {
  if (type !== "system-serial") return MODELS.get(type);
  if (board === "arm-virt") return "pl011";
  return board === "riscv-virt" ? "16550a" : undefined;
}

/**
 * A channel without a path gets its socket at each start, where the agent makes them; a path there was written
 * down by whoever copied the definition of a running guest.
 */
export function completeChannel(
  channel: DevicesDraft["channels"][number],
  {
    inactive,
    channelDirectory,
  }: { readonly inactive: boolean; readonly channelDirectory: string | undefined },
): void {
  if (channel.type !== "unix" || channel.source === undefined) return;
  const { path } = channel.source;
  const generated =
    inactive &&
    channelDirectory !== undefined &&
    channel.target.type === "virtio" &&
    path?.startsWith(`${channelDirectory}/`) === true &&
    isOwnSocket(path.slice(channelDirectory.length + 1), channel.target.name ?? "");
  if (path !== undefined && !generated) return;
  if (channel.source.reconnect?.enabled === true)
    refuse("devices/channel/source/reconnect", "a socket that is made at each start is listened on");
  delete channel.source;
}

/** `guest.org.qemu.guest_agent.0`, or in a folder of the guest's: `domain-7-guest/org.qemu.guest_agent.0`. */
function isOwnSocket(path: string, name: string): boolean {
  const before = path.endsWith(name) ? path.slice(0, path.length - name.length) : "";
  return /^([^/]+\.|domain-[^/]+\/)$/.test(before);
}

/** What kind of serial port it is: `isa-serial` was once written for every kind, so it means the board's. */
export function completeSerial(serial: SerialDraft, arch: string, board: Board): void {
  const given = serial.target?.type === "isa-serial" ? undefined : serial.target?.type;
  const type = given ?? defaultType(arch, board);
  const target = { ...serial.target };
  if (type === undefined) delete target.type;
  else target.type = type;
  const model = target.model ?? (type === undefined ? undefined : modelOf(type, board));
  if (model !== undefined) target.model = model;
  serial.target = target;
}
