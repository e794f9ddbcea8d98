import type { ClassSource } from "./class-source.ts";

function counters(properties: Readonly<Record<string, string>>): ClassSource {
  return { base: "Win32_PerfRawData", keys: [], properties, defaults: {}, methods: {} };
}

function all(type: string, names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name, type]));
}

/**
 * Counters of Hyper-V, which Microsoft's reference leaves out: names and types out of the classes that Microsoft has generated
 * from a host's root/cimv2 (https://github.com/microsoft/wmi, server2019, (c) Microsoft Corporation, MIT). Those of a virtual
 * processor are reduced to its times, those of a card to its packets and bytes.
 */
export const COUNTER_CLASSES: Readonly<Record<string, ClassSource>> = {
  Win32_PerfRawData_HvStats_HyperVHypervisorVirtualProcessor: counters(
    all("uint64", [
      "PercentGuestIdleTime",
      "PercentGuestIdleTime_Base",
      "PercentGuestRunTime",
      "PercentGuestRunTime_Base",
      "PercentHypervisorRunTime",
      "PercentHypervisorRunTime_Base",
      "PercentRemoteRunTime",
      "PercentRemoteRunTime_Base",
      "PercentTotalCoreRunTime",
      "PercentTotalCoreRunTime_Base",
      "PercentTotalRunTime",
      "PercentTotalRunTime_Base",
    ]),
  ),
  Win32_PerfRawData_NvspNicStats_HyperVVirtualNetworkAdapter: counters(
    all("uint64", [
      "BroadcastPacketsReceivedPersec",
      "BroadcastPacketsSentPersec",
      "BytesPersec",
      "BytesReceivedPersec",
      "BytesSentPersec",
      "DirectedPacketsReceivedPersec",
      "DirectedPacketsSentPersec",
      "DroppedPacketsIncomingPersec",
      "DroppedPacketsOutgoingPersec",
      "ExtensionsDroppedPacketsIncomingPersec",
      "ExtensionsDroppedPacketsOutgoingPersec",
      "IPsecoffloadBytesReceivePersec",
      "IPsecoffloadBytesSentPersec",
      "MulticastPacketsReceivedPersec",
      "MulticastPacketsSentPersec",
      "PacketsPersec",
      "PacketsReceivedPersec",
      "PacketsSentPersec",
    ]),
  ),
  Win32_PerfRawData_Counters_HyperVVirtualStorageDevice: counters({
    ...all("uint32", [
      "AdapterOpenChannelCount",
      "ErrorCount",
      "FlushCount",
      "Latency",
      "Latency_Base",
      "LowerLatency",
      "LowerLatency_Base",
      "MaximumAdapterWorkerCount",
      "ReadCount",
      "ReadOperationsPerSec",
      "Throughput",
      "WriteCount",
      "WriteOperationsPerSec",
    ]),
    ...all("uint64", [
      "ByteQuotaReplenishmentRate",
      "IoQuotaReplenishmentRate",
      "LowerQueueLength",
      "MaximumBandwidth",
      "MaximumIORate",
      "MinimumIORate",
      "NormalizedThroughput",
      "QueueLength",
      "ReadBytesPersec",
      "WriteBytesPersec",
    ]),
  }),
};
