import { hardwareOf, type PlacedDisk, type PlacedNic } from "../definition/hardware.ts";
import type { Reference, VimObject } from "../vim/encode.ts";
import { childrenOf, numberAt, textAt, type VimNode } from "../vim/node.ts";

/** What is read of guests, by vSphere's names (PerformanceManager, "group.counter.rollup"). */
const NAMES = {
  cpuUsedMs: "cpu.used.summation",
  readKib: "virtualDisk.read.average",
  writeKib: "virtualDisk.write.average",
  reads: "virtualDisk.numberReadAveraged.average",
  writes: "virtualDisk.numberWriteAveraged.average",
  receivedKib: "net.received.average",
  transmittedKib: "net.transmitted.average",
  receivedPackets: "net.packetsRx.summation",
  transmittedPackets: "net.packetsTx.summation",
  receiveDrops: "net.droppedRx.summation",
  transmitDrops: "net.droppedTx.summation",
} as const;

export type Counter = keyof typeof NAMES;
/** The server's number of each counter that it has. */
export type CounterIds = ReadonlyMap<Counter, number>;

const OF_DISKS: readonly Counter[] = ["readKib", "writeKib", "reads", "writes"];
const OF_NICS: readonly Counter[] = [
  ...(["receivedKib", "transmittedKib", "receivedPackets", "transmittedPackets"] as const),
  ...(["receiveDrops", "transmitDrops"] as const),
];
/** Rates, which count once for each second of a sample. */
const RATES: ReadonlySet<Counter> = new Set([...OF_DISKS, ...(["receivedKib", "transmittedKib"] as const)]);

/** Of running guests the server takes a sample this often (vSphere, "real-time statistics"). */
const INTERVAL_S = 20;

/** `PerformanceManager.perfCounter` as numbers of the counters that are read. */
export function counterIds(perfCounter: VimNode | undefined): CounterIds {
  const byName = new Map(
    perfCounter?.children.map((each) => [
      [textAt(each, "groupInfo", "key"), textAt(each, "nameInfo", "key"), textAt(each, "rollupType")].join(
        ".",
      ),
      numberAt(each, "key"),
    ]),
  );
  return new Map(
    (Object.keys(NAMES) as Counter[]).flatMap((counter) => {
      const id = byName.get(NAMES[counter]);
      return id === undefined ? [] : [[counter, id] as const];
    }),
  );
}

/** What the server calls a disk among its counters. */
export function instanceOfDisk({ place }: Pick<PlacedDisk, "place">): string {
  return `${place.bus}${place.controller}:${place.unit}`;
}

export function instanceOfNic({ key }: Pick<PlacedNic, "key">): string {
  return String(key);
}

/** Sums of a guest's samples since it was seen to run, by counter and device (empty for all of the guest). */
export interface Totals {
  /** The server's time of the newest sample; empty before the first. */
  readonly until: string;
  readonly sums: ReadonlyMap<string, bigint>;
}

export function totalOf(totals: Totals | undefined, counter: Counter, instance = ""): bigint {
  return totals?.sums.get(`${counter} ${instance}`) ?? 0n;
}

/** A PerfQuerySpec for what came after the newest sample, or for the newest one alone. */
export function querySpec(
  object: Reference,
  config: VimNode,
  ids: CounterIds,
  totals: Totals | undefined,
): VimObject {
  const { disks, nics } = hardwareOf(config);
  const metric = (counter: Counter, instance: string): readonly VimObject[] => {
    const counterId = ids.get(counter);
    return counterId === undefined ? [] : [{ counterId, instance }];
  };
  return {
    entity: object,
    ...(totals === undefined ? {} : { startTime: totals.until }),
    ...(totals === undefined ? { maxSample: 1 } : { maxSample: MOST_SAMPLES }),
    metricId: [
      ...metric("cpuUsedMs", ""),
      ...disks.flatMap((disk) => OF_DISKS.flatMap((counter) => metric(counter, instanceOfDisk(disk)))),
      ...nics.flatMap((nic) => OF_NICS.flatMap((counter) => metric(counter, instanceOfNic(nic)))),
    ],
    intervalId: INTERVAL_S,
  };
}

/** An hour: so long the server keeps them. */
const MOST_SAMPLES = 180;

/** The sums with the samples of an answer (PerfEntityMetric) that are newer. */
export function withSamples(before: Totals | undefined, answer: VimNode, ids: CounterIds): Totals {
  const samples = childrenOf(answer, "sampleInfo").map((each) => ({
    time: textAt(each, "timestamp") ?? "",
    seconds: BigInt(numberAt(each, "interval") ?? INTERVAL_S),
  }));
  const isNew = samples.map(
    ({ time }) => before === undefined || Date.parse(time) > Date.parse(before.until),
  );
  const sums = new Map(before?.sums);
  for (const series of childrenOf(answer, "value")) {
    const id = numberAt(series, "id", "counterId");
    const [counter] = [...ids].find(([, each]) => each === id) ?? [];
    if (counter === undefined) continue;
    const key = `${counter} ${textAt(series, "id", "instance") ?? ""}`;
    childrenOf(series, "value").forEach(({ text }, i) => {
      const sample = samples[i];
      // The server writes -1 for a sample that it does not have.
      if (sample === undefined || isNew[i] !== true || text.startsWith("-")) return;
      const value = BigInt(text) * (RATES.has(counter) ? sample.seconds : 1n);
      sums.set(key, (sums.get(key) ?? 0n) + value);
    });
  }
  const newest = samples.map(({ time }) => time).sort((a, b) => Date.parse(b) - Date.parse(a))[0];
  return { until: newest ?? before?.until ?? "", sums };
}
