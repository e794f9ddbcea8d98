import { readFileSync } from "node:fs";
import type { InterfaceStats } from "@virtmesh/core/driver/domains";

/** Counters of a network interface of the host, by their names in /sys/class/net/<dev>/statistics. */
export interface HostCounters {
  readonly rx_bytes: bigint;
  readonly rx_packets: bigint;
  readonly rx_errors: bigint;
  readonly rx_dropped: bigint;
  readonly tx_bytes: bigint;
  readonly tx_packets: bigint;
  readonly tx_errors: bigint;
  readonly tx_dropped: bigint;
}

const COUNTERS = [
  ...(["rx_bytes", "rx_packets", "rx_errors", "rx_dropped"] as const),
  ...(["tx_bytes", "tx_packets", "tx_errors", "tx_dropped"] as const),
];

/** undefined when there is no such interface. sysfs answers from memory, so this does not wait for anything. */
export function readHostCounters(device: string): HostCounters | undefined {
  const read = (name: keyof HostCounters): readonly [keyof HostCounters, bigint] => [
    name,
    BigInt(readFileSync(`/sys/class/net/${device}/statistics/${name}`, "utf8").trim()),
  ];
  try {
    return Object.fromEntries(COUNTERS.map(read)) as unknown as HostCounters;
  } catch {
    return undefined;
  }
}

/** What the guest receives is what the host's end of the tap sends, and the other way round. */
export function interfaceStats(device: string, mac: string, host: HostCounters): InterfaceStats {
  return {
    device,
    mac,
    receiveBytes: host.tx_bytes,
    receivePackets: host.tx_packets,
    receiveErrors: host.tx_errors,
    receiveDrops: host.tx_dropped,
    transmitBytes: host.rx_bytes,
    transmitPackets: host.rx_packets,
    transmitErrors: host.rx_errors,
    transmitDrops: host.rx_dropped,
  };
}
