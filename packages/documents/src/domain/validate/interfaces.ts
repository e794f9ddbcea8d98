import type { Interface } from "../devices/interface.ts";
import type { DomainDefinition } from "../model.ts";
import { numbered, refuse } from "./refuse.ts";

/** Network cards. */
export function checkInterfaces({ devices }: DomainDefinition): void {
  for (const [nic, path] of numbered(devices.interfaces, "devices/interface")) {
    checkMac(nic, path);
    checkConnection(nic, path);
    checkDriver(nic, path);
  }
}

function checkMac(nic: Interface, path: string): void {
  const { mac } = nic;
  if (mac !== undefined && Number.parseInt(mac.address.slice(0, 2), 16) % 2 === 1)
    refuse(`${path}/mac/@address`, `the MAC address ${mac.address} is a multicast one`, "use 52:54:00:..");
}

function checkConnection(nic: Interface, path: string): void {
  if (nic.target?.managed === false && nic.type !== "ethernet")
    refuse(`${path}/target/@managed`, `the device of an interface of type ${nic.type} is always made`);
  if (nic.teaming?.type === "transient" && nic.teaming.persistent === undefined)
    refuse(`${path}/teaming`, "it is not said which card stays", "add persistent='ua-..'");
  if (nic.teaming?.type === "persistent" && nic.teaming.persistent !== undefined)
    refuse(`${path}/teaming/@persistent`, "the card that stays names no other");
  if (nic.type === "user" && (nic.source?.ips.length ?? 0) > 0)
    refuse(`${path}/source/ip`, "the host has no end of it that could have an address");
  if (nic.backend?.type === "passt" && nic.type !== "user" && nic.type !== "vhostuser")
    refuse(`${path}/backend/@type`, "passt is for interfaces of type user");
  if (nic.type === "vhostuser" && nic.source.mode === "server" && nic.source.reconnect?.enabled === true)
    refuse(`${path}/source/reconnect`, "who listens does not connect again", "use mode='client'");
}

function isPowerOfTwo(n: number): boolean {
  return n > 0 && (n & (n - 1)) === 0;
}

function checkDriver(nic: Interface, path: string): void {
  const { driver } = nic;
  if (driver === undefined) return;
  for (const [name, size] of [
    ["rx_queue_size", driver.rxQueueSize],
    ["tx_queue_size", driver.txQueueSize],
  ] as const) {
    if (size !== undefined && !isPowerOfTwo(size))
      refuse(`${path}/driver/@${name}`, `${size} is no power of two`, "such as 1024");
  }
}
