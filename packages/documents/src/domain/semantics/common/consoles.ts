import { refuse } from "../refuse.ts";
import type { DevicesDraft, DomainDraft } from "../walk.ts";
import { isSerialAgain } from "../walk.ts";

type SerialDraft = DevicesDraft["serials"][number];

/** Serial ports of a PC at most. */
const ISA_PORTS = 4;

/** Gives parallel ports and consoles their numbers in the order written. */
export function numberPorts({ devices }: DomainDraft): void {
  devices.parallels.forEach((parallel, i) => {
    const before = devices.parallels.slice(0, i).map((p) => p.target?.port ?? -1);
    parallel.target = { ...parallel.target, port: parallel.target?.port ?? Math.max(-1, ...before) + 1 };
  });
  devices.consoles.forEach((console, port) => {
    console.target = { ...console.target, port };
  });
}

/** Gives serial ports their numbers: those on ISA the lowest free one of four, others the next. */
export function numberSerials({ devices }: DomainDraft): void {
  const isa = devices.serials.filter((s) => s.target?.type === "isa-serial");
  const taken = new Set<number>();
  for (const serial of isa) {
    const port = serial.target?.port;
    const path = `devices/serial[${devices.serials.indexOf(serial) + 1}]/target/@port`;
    if (isa.length > ISA_PORTS || (port ?? 0) >= ISA_PORTS)
      refuse(path, `there are ${ISA_PORTS} serial ports on ISA, numbered from 0`);
    if (port === undefined) continue;
    if (taken.has(port)) refuse(path, `two serial ports have the number ${port}`);
    taken.add(port);
  }
  for (const serial of isa) {
    if (serial.target?.port !== undefined) continue;
    let port = 0;
    while (taken.has(port)) port += 1;
    taken.add(port);
    serial.target = { ...serial.target, port };
  }
}

export function numberSerial({ devices }: DomainDraft, serial: SerialDraft): void {
  if (serial.target?.port !== undefined) return;
  const port = Math.max(-1, ...devices.serials.map((s) => s.target?.port ?? -1)) + 1;
  serial.target = { ...serial.target, port };
}

const CONSOLE_SERIALS: ReadonlySet<string | undefined> = new Set([
  undefined,
  "isa-serial",
  "spapr-vio-serial",
  "system-serial",
  "sclp-serial",
]);

/**
 * The first console of a machine is its first serial port, told twice: a console without a serial port becomes
 * one, a serial port without a console gets one.
 */
export function pairConsole(draft: DomainDraft): void {
  const { devices } = draft;
  for (const [i, console] of devices.consoles.entries()) {
    if (i > 0 && console.target?.type === "serial")
      refuse(
        `devices/console[${i + 1}]/target/@type`,
        "only the first console can be a serial port",
        "CONFIG_UNSUPPORTED",
      );
  }
  if (draft.os.type.kind !== "hvm") return;
  const [console] = devices.consoles;
  const isSerial = console !== undefined && [undefined, "serial"].includes(console.target?.type);
  if (isSerial && devices.serials.length === 0) {
    const { target: _target, ...ends } = console;
    devices.serials.push({ ...structuredClone(ends), target: { port: 0 } });
  }
  const [serial] = devices.serials;
  if (serial === undefined || (!isSerial && !CONSOLE_SERIALS.has(serial.target?.type))) return;
  if (!isSerial) devices.consoles.unshift(again(serial));
}

/** Makes the first console what its serial port has become: its ends, its number and its address. */
export function mirrorConsole(draft: DomainDraft): void {
  const [serial] = draft.devices.serials;
  if (serial !== undefined && draft.devices.consoles.length > 0 && isSerialAgain(draft))
    draft.devices.consoles[0] = again(serial);
}

function again(serial: SerialDraft): SerialDraft {
  const { target, ...rest } = structuredClone(serial);
  return { ...rest, target: { type: "serial", port: target?.port ?? 0 } };
}
