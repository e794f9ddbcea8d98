import type { MsvmSession } from "../msvm/session.ts";
import type { ClassName, Msvm } from "../msvm/types.ts";
import type { CallOptions } from "../wsman/client.ts";
import { isWsmanFault } from "../wsman/errors.ts";

const CPU = "Win32_PerfRawData_HvStats_HyperVHypervisorVirtualProcessor";
const DISK = "Win32_PerfRawData_Counters_HyperVVirtualStorageDevice";
const CARD = "Win32_PerfRawData_NvspNicStats_HyperVVirtualNetworkAdapter";

/** Raw times are counted in these. */
const TICK_NS = 100n;

type Cpu = Msvm<typeof CPU>;
type Disk = Msvm<typeof DISK>;
type Card = Msvm<typeof CARD>;

/** What Windows counts of all guests, at one moment; nothing of what the host has no such counters of. */
export interface Counters {
  /** Time of all processors of the guest of a name. */
  readonly cpuTimes: ReadonlyMap<string, bigint>;
  readonly disks: ReadonlyMap<string, Disk>;
  readonly cards: ReadonlyMap<string, Card>;
}

export const NO_COUNTERS: Counters = { cpuTimes: new Map(), disks: new Map(), cards: new Map() };

export async function readCounters(session: MsvmSession, options: CallOptions): Promise<Counters> {
  const [cpus, disks, cards] = await Promise.all([
    readAll(session, CPU, options),
    readAll(session, DISK, options),
    readAll(session, CARD, options),
  ]);
  return countersOf(cpus, disks, cards);
}

async function readAll<C extends ClassName>(
  session: MsvmSession,
  className: C,
  options: CallOptions,
): Promise<readonly Msvm<C>[]> {
  try {
    return await session.query(className, options);
  } catch (e) {
    // A host on which counters are broken or switched off has no such class.
    if (isWsmanFault(e)) return [];
    throw e;
  }
}

export function countersOf(cpus: readonly Cpu[], disks: readonly Disk[], cards: readonly Card[]): Counters {
  const cpuTimes = new Map<string, bigint>();
  for (const { Name = "", PercentTotalRunTime = 0n } of cpus) {
    const guest = /^(.*):Hv VP \d+$/.exec(Name)?.[1];
    if (guest !== undefined) cpuTimes.set(guest, (cpuTimes.get(guest) ?? 0n) + PercentTotalRunTime * TICK_NS);
  }
  return {
    cpuTimes,
    disks: new Map(disks.map((disk) => [dashed(disk.Name ?? ""), disk])),
    // Behind the names that people give are the ids of the guest and of the card.
    cards: new Map(cards.map((card) => [(card.Name ?? "").split("_").at(-1)?.toUpperCase() ?? "", card])),
  };
}

/** Of a file: Windows writes its path with dashes, since names of counters have no backslashes. */
export function diskCountersOf({ disks }: Counters, path: string): Disk | undefined {
  return disks.get(dashed(path));
}

function dashed(path: string): string {
  return path.toLowerCase().replace(/[\\/]/g, "-");
}

/** Of a card by InstanceID of its settings, `Microsoft:GUEST\\CARD`. */
export function cardCountersOf({ cards }: Counters, portId: string): Card | undefined {
  return cards.get(
    portId
      .replace(/^Microsoft:/i, "")
      .replaceAll("\\", "--")
      .toUpperCase(),
  );
}
