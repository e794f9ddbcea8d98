import { reference } from "../cim/path.ts";
import { isInstanceOf } from "../cim/repository.ts";
import { type Instance, numberOf, textOf } from "../cim/value.ts";
import { type Context, guestReference } from "./context.ts";
import { RESOURCES } from "./resources.ts";

const CPU = "Win32_PerfRawData_HvStats_HyperVHypervisorVirtualProcessor";
const DISK = "Win32_PerfRawData_Counters_HyperVVirtualStorageDevice";
const CARD = "Win32_PerfRawData_NvspNicStats_HyperVVirtualNetworkAdapter";

/** How much is counted in a millisecond: a quarter of a processor in units of 100 ns, some bytes, few packets. */
const RATES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  [CPU]: { PercentTotalRunTime: 2500, PercentGuestRunTime: 2400, PercentHypervisorRunTime: 100 },
  [DISK]: {
    ...{ ReadBytesPersec: 8192, ReadOperationsPerSec: 2, WriteBytesPersec: 4096, WriteOperationsPerSec: 1 },
    FlushCount: 0.5,
  },
  [CARD]: {
    ...{ BytesReceivedPersec: 3000, PacketsReceivedPersec: 2, BytesSentPersec: 1500, PacketsSentPersec: 1 },
    BytesPersec: 4500,
  },
};

const TICKS_PER_MS = 10_000;

type Named = readonly [className: string, name: string];

/** What a guest that runs has counters of, by the names that they have there. */
function namesOf(context: Context, id: string, resources: readonly Instance[]): readonly Named[] {
  const guest = context.repository.get(guestReference(id));
  const name = guest === undefined ? "" : textOf(guest, "ElementName");
  return resources.flatMap((resource): readonly Named[] => {
    const kind = textOf(resource, "ResourceSubType");
    if (kind === RESOURCES.processor.subType)
      return Array.from({ length: numberOf(resource, "VirtualQuantity") }, (_, n) => [
        CPU,
        `${name}:Hv VP ${n}`,
      ]);
    if (kind === RESOURCES.disk.subType)
      return [[DISK, textOf(resource, "HostResource").replaceAll("\\", "-")]];
    if (kind !== RESOURCES.nic.subType) return [];
    const [, owner = "", card = ""] = /^Microsoft:([^\\]+)\\(.+)$/.exec(textOf(resource, "InstanceID")) ?? [];
    return [[CARD, `${name}_${textOf(resource, "ElementName")}_${owner}--${card}`]];
  });
}

/** Counts from now on what a guest does, or not any more. */
export function count(context: Context, id: string, resources: readonly Instance[], runs: boolean): void {
  for (const [className, Name] of namesOf(context, id, resources)) {
    const path = reference(className, { Name });
    const isThere = context.repository.get(path) !== undefined;
    if (runs && !isThere) context.repository.add(className, { Name, Timestamp_Object: Date.now() });
    if (!runs && isThere) context.repository.remove(path);
  }
}

/** Counters as they stand when they are looked at. */
export function counted(instance: Instance): Instance {
  if (!isInstanceOf(instance, "Win32_PerfRawData")) return instance;
  const now = Date.now();
  const elapsedMs = now - numberOf(instance, "Timestamp_Object");
  const values = Object.entries(RATES[instance.className] ?? {}).map(
    ([name, rate]) => [name, Math.floor(elapsedMs * rate)] as const,
  );
  const ticks = { Timestamp_Object: now * TICKS_PER_MS, Timestamp_Sys100NS: now * TICKS_PER_MS };
  return { ...instance, values: { ...instance.values, ...Object.fromEntries(values), ...ticks } };
}
