import type { ChardevSource } from "../devices/chardev.ts";
import type { DomainDefinition } from "../model.ts";
import { numbered, refuse } from "./refuse.ts";

/** Where the bytes of character devices go. */
export function checkChardevs({ devices }: DomainDefinition): void {
  for (const [list, name] of [
    ["serials", "serial"],
    ["parallels", "parallel"],
    ["consoles", "console"],
    ["redirdevs", "redirdev"],
  ] as const) {
    // The viewer's end of a USB device has no name of its own.
    for (const [device, path] of numbered(devices[list], `devices/${name}`))
      checkSource(device, path, list !== "redirdevs" || device.type !== "dbus");
  }
  for (const [channel, path] of numbered(devices.channels, "devices/channel")) {
    // The agent makes up the path of such a socket.
    checkSource(channel, path, channel.target.type === "guestfwd");
  }
  for (const [card, path] of numbered(devices.smartcards, "devices/smartcard")) {
    if (card.mode === "passthrough") checkSource(card.source, path, true);
    if (card.mode === "host-certificates" && card.certificates.length !== 3)
      refuse(`${path}/certificate`, `a card has three certificates, not ${card.certificates.length}`);
    if (card.address !== undefined && card.address.type !== "ccid")
      refuse(`${path}/address/@type`, "a smart card sits on a controller of type ccid");
  }
  for (const [{ backend }, path] of numbered(devices.rngs, "devices/rng")) {
    if (backend.model === "egd") checkSource(backend.source, `${path}/backend`, true);
  }
}

const CHANNEL = /^[A-Za-z0-9_.-]+$/;

function checkSource(device: ChardevSource, path: string, needsPath: boolean): void {
  const missing = (what: string): never =>
    refuse(`${path}/source`, `a character device of type ${device.type} has no ${what}`);
  switch (device.type) {
    case "dev":
    case "pipe":
      if (device.source?.path === undefined) missing("path");
      break;
    case "unix":
      if (device.source?.path === undefined && needsPath) missing("path");
      if (device.source?.path === undefined && device.source?.reconnect?.enabled === true)
        refuse(`${path}/source/reconnect`, "a socket that is made up is listened on");
      checkReconnect(device.source, path);
      break;
    case "tcp":
      if (device.source.host === undefined) missing("host");
      checkReconnect(device.source, path);
      break;
    case "udp":
      checkUdp(device, path);
      break;
    case "spiceport":
    case "dbus":
      if (needsPath && !CHANNEL.test(device.source?.channel ?? "")) missing("channel such as org.example.0");
      break;
    case "null":
    case "vc":
    case "stdio":
    case "spicevmc":
    case "pty":
    case "file":
    case "nmdm":
    case "qemu-vdagent":
      break;
  }
}

interface Connected {
  readonly mode?: "bind" | "connect";
  readonly reconnect?: { readonly enabled: boolean; readonly timeout?: number };
}

function checkReconnect(source: Connected | undefined, path: string): void {
  if (source?.reconnect?.enabled !== true) return;
  const { reconnect, mode } = source;
  if (reconnect.timeout === undefined)
    refuse(`${path}/source/reconnect`, "it is not said after how many seconds", "add timeout='1'");
  if (reconnect.timeout === 0)
    refuse(`${path}/source/reconnect/@timeout`, "after 0 seconds nothing is tried again");
  if (mode === "bind")
    refuse(`${path}/source/reconnect`, "who listens does not connect again", "use mode='connect'");
}

function checkUdp(device: Extract<ChardevSource, { readonly type: "udp" }>, path: string): void {
  const { sources } = device;
  if (sources.length > 2) refuse(`${path}/source[3]`, "UDP has one end to send to and one to receive at");
  const to = sources.find(({ mode }) => mode !== "bind");
  if (to?.service === undefined)
    refuse(`${path}/source`, "it is not said to which port UDP is sent", "add service='4555'");
}
