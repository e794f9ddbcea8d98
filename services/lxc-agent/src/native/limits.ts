import type { DomainDefinition } from "@virtmesh/documents/domain/model";

export type CgroupVersion = 1 | 2;

/** A file of a container's control group with what is written to it. */
export interface Limit {
  /** Controller of the first version; the second has one tree for all. */
  readonly controller: "memory" | "cpu" | "cpuset" | "blkio";
  readonly file: string;
  readonly value: string;
}

/** Microseconds over which the time of CPUs is dealt out, as the kernel has it. */
const PERIOD_US = 100_000n;

/** The memory a container may take: its hard limit, or what it has of its maximum at the moment. */
export function memoryLimitOf(definition: DomainDefinition): bigint {
  return definition.memtune?.hardLimit ?? definition.currentMemory?.bytes ?? definition.memory.bytes;
}

/** What a definition says of limits, in files of control groups. */
export function limitsIn(definition: DomainDefinition, version: CgroupVersion): readonly Limit[] {
  return [
    ...memoryLimits(definition, version),
    ...cpuLimits(definition, version),
    ...cpusetLimits(definition),
    ...diskLimits(definition, version),
  ];
}

export function memoryLimits(definition: DomainDefinition, version: CgroupVersion): readonly Limit[] {
  const { softLimit, swapHardLimit } = definition.memtune ?? {};
  const hard = memoryLimitOf(definition);
  const limit = (file: string, value: bigint): Limit => ({
    controller: "memory",
    file,
    value: String(value),
  });
  if (version === 1) {
    return [
      limit("memory.limit_in_bytes", hard),
      ...(softLimit === undefined ? [] : [limit("memory.soft_limit_in_bytes", softLimit)]),
      ...(swapHardLimit === undefined ? [] : [limit("memory.memsw.limit_in_bytes", swapHardLimit)]),
    ];
  }
  return [
    limit("memory.max", hard),
    ...(softLimit === undefined ? [] : [limit("memory.high", softLimit)]),
    // The first version counts memory and swap together, the second swap alone.
    ...(swapHardLimit === undefined
      ? []
      : [limit("memory.swap.max", swapHardLimit > hard ? swapHardLimit - hard : 0n)]),
  ];
}

/** Its virtual CPUs are time on the host's, unless it says itself how much it may have. */
export function withCpuQuota<D extends DomainDefinition>(definition: D): D {
  const { cputune, vcpu } = definition;
  if (cputune?.quota !== undefined) return definition;
  const period = cputune?.period ?? PERIOD_US;
  const quota = BigInt(vcpu.current ?? vcpu.count) * period;
  const none = {
    vcpupins: [],
    iothreadpins: [],
    vcpuscheds: [],
    iothreadscheds: [],
    cachetunes: [],
    memorytunes: [],
  };
  return { ...definition, cputune: { ...none, ...cputune, period, quota } };
}

export function cpuLimits({ cputune }: DomainDefinition, version: CgroupVersion): readonly Limit[] {
  if (cputune === undefined) return [];
  const { shares, period, quota } = cputune;
  const limit = (file: string, value: string): Limit => ({ controller: "cpu", file, value });
  if (version === 1) {
    return [
      ...(shares === undefined ? [] : [limit("cpu.shares", String(shares))]),
      // A quota is compared with the period that there is: first the period.
      ...(period === undefined ? [] : [limit("cpu.cfs_period_us", String(period))]),
      ...(quota === undefined ? [] : [limit("cpu.cfs_quota_us", String(quota))]),
    ];
  }
  const time = quota === undefined || quota < 0n ? "max" : String(quota);
  return [
    ...(shares === undefined ? [] : [limit("cpu.weight", String(weightOf(shares)))]),
    ...(period === undefined && quota === undefined
      ? []
      : [limit("cpu.max", `${time} ${period ?? PERIOD_US}`)]),
  ];
}

/** 2 to 262144 shares as 1 to 10000, as the kernel's documentation converts them. */
function weightOf(shares: bigint): bigint {
  const within = shares < 2n ? 2n : shares > 262_144n ? 262_144n : shares;
  return 1n + ((within - 2n) * 9_999n) / 262_142n;
}

function cpusetLimits({ vcpu, numatune }: DomainDefinition): readonly Limit[] {
  const limit = (file: string, value: string | undefined): readonly Limit[] =>
    value === undefined ? [] : [{ controller: "cpuset", file, value }];
  return [...limit("cpuset.cpus", vcpu.cpuset), ...limit("cpuset.mems", numatune?.memory?.nodeset)];
}

function diskLimits({ blkiotune }: DomainDefinition, version: CgroupVersion): readonly Limit[] {
  if (blkiotune === undefined) return [];
  const limit = (file: string, value: string): Limit => ({ controller: "blkio", file, value });
  const limits: Limit[] = [];
  if (blkiotune.weight !== undefined)
    limits.push(limit(version === 1 ? "blkio.weight" : "io.weight", String(blkiotune.weight)));
  for (const device of blkiotune.devices) {
    const number = device.path.replace("/dev/block/", "");
    const rates = [
      ["read_bps", "rbps", device.readBytesSec],
      ["write_bps", "wbps", device.writeBytesSec],
      ["read_iops", "riops", device.readIopsSec],
      ["write_iops", "wiops", device.writeIopsSec],
    ] as const;
    if (device.weight !== undefined)
      limits.push(limit(version === 1 ? "blkio.device_weight" : "io.weight", `${number} ${device.weight}`));
    for (const [old, now, rate] of rates) {
      if (rate === undefined) continue;
      limits.push(
        version === 1
          ? limit(`blkio.throttle.${old}_device`, `${number} ${rate}`)
          : limit("io.max", `${number} ${now}=${rate}`),
      );
    }
  }
  return limits;
}
