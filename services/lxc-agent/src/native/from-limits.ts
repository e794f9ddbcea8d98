import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { invalid, type Setting } from "./lines.ts";
import { bytesOf, normalisedCpus } from "./numbers.ts";

type Tuning = Partial<Pick<DomainDefinition, "memtune" | "cputune" | "blkiotune" | "numatune" | "vcpu">>;
type BlkioDevice = NonNullable<DomainDefinition["blkiotune"]>["devices"][number];

/** What the settings of control groups of the first version say. @throws CONFIG_INVALID */
export function limitsOf(settings: readonly Setting[]): {
  readonly tuning: Tuning;
  readonly memoryBytes?: bigint;
} {
  const find = (file: string): Setting | undefined =>
    settings.findLast((s) => s.key === `lxc.cgroup.${file}`);
  const second = settings.find((s) => /^lxc\.cgroup2\.(memory|cpu|cpuset|io)\./.test(s.key));
  if (second !== undefined)
    throw invalid(
      second.line,
      `${second.key} is a limit of the second version of control groups; write it as lxc.cgroup`,
    );
  const hard = sizeOf(find("memory.limit_in_bytes"));
  const cpus = cpusOf(find("cpuset.cpus"));
  const mems = cpusOf(find("cpuset.mems"));
  return {
    tuning: {
      ...memtune(
        hard,
        sizeOf(find("memory.soft_limit_in_bytes")),
        sizeOf(find("memory.memsw.limit_in_bytes")),
      ),
      ...cputune(find("cpu.shares"), find("cpu.cfs_period_us"), find("cpu.cfs_quota_us")),
      ...(cpus === undefined ? {} : { vcpu: { placement: "static" as const, cpuset: cpus, count: 1 } }),
      ...(mems === undefined
        ? {}
        : { numatune: { memory: { mode: "strict" as const, nodeset: mems }, memnodes: [] } }),
      ...blkiotune(settings),
    },
    ...(hard === undefined ? {} : { memoryBytes: hard }),
  };
}

function memtune(hard: bigint | undefined, soft: bigint | undefined, swap: bigint | undefined): Tuning {
  if (hard === undefined && soft === undefined && swap === undefined) return {};
  return {
    memtune: {
      ...(hard === undefined ? {} : { hardLimit: hard }),
      ...(soft === undefined ? {} : { softLimit: soft }),
      ...(swap === undefined ? {} : { swapHardLimit: swap }),
    },
  };
}

function cputune(
  shares: Setting | undefined,
  period: Setting | undefined,
  quota: Setting | undefined,
): Tuning {
  if (shares === undefined && period === undefined && quota === undefined) return {};
  return {
    cputune: {
      ...(shares === undefined ? {} : { shares: numberOf(shares) }),
      ...(period === undefined ? {} : { period: numberOf(period) }),
      ...(quota === undefined ? {} : { quota: numberOf(quota) }),
      ...{
        vcpupins: [],
        iothreadpins: [],
        vcpuscheds: [],
        iothreadscheds: [],
        cachetunes: [],
        memorytunes: [],
        energytunes: [],
      },
    },
  };
}

const DEVICE_FILES: Readonly<Record<string, keyof BlkioDevice>> = {
  "lxc.cgroup.blkio.device_weight": "weight",
  "lxc.cgroup.blkio.weight_device": "weight",
  "lxc.cgroup.blkio.throttle.read_bps_device": "readBytesSec",
  "lxc.cgroup.blkio.throttle.write_bps_device": "writeBytesSec",
  "lxc.cgroup.blkio.throttle.read_iops_device": "readIopsSec",
  "lxc.cgroup.blkio.throttle.write_iops_device": "writeIopsSec",
};

function blkiotune(settings: readonly Setting[]): Tuning {
  const weight = settings.findLast((s) => s.key === "lxc.cgroup.blkio.weight");
  const devices = new Map<string, BlkioDevice>();
  for (const setting of settings) {
    if (!setting.key.startsWith("lxc.cgroup.blkio.") || setting === weight) continue;
    const field = DEVICE_FILES[setting.key];
    if (field === undefined)
      throw invalid(setting.line, `${setting.key} has no counterpart in libvirt's documents`);
    const [, number, value] = /^(\d+:\d+)\s+(\d+)$/.exec(setting.value) ?? [];
    if (number === undefined)
      throw invalid(setting.line, `"${setting.value}" is not of the form major:minor number`);
    const path = `/dev/block/${number}`;
    const isBig = field === "readBytesSec" || field === "writeBytesSec";
    devices.set(path, {
      ...(devices.get(path) ?? { path }),
      [field]: isBig ? BigInt(value ?? 0) : Number(value),
    });
  }
  if (weight === undefined && devices.size === 0) return {};
  return {
    blkiotune: {
      ...(weight === undefined ? {} : { weight: Number(numberOf(weight)) }),
      devices: [...devices.values()],
    },
  };
}

function sizeOf(setting: Setting | undefined): bigint | undefined {
  if (setting === undefined) return undefined;
  const bytes = bytesOf(setting.value);
  if (bytes === undefined) throw invalid(setting.line, `"${setting.value}" is no size in bytes`);
  return bytes;
}

function cpusOf(setting: Setting | undefined): string | undefined {
  if (setting === undefined) return undefined;
  const cpus = normalisedCpus(setting.value);
  if (cpus === undefined)
    throw invalid(setting.line, `"${setting.value}" is no list of numbers such as 0-3,8`);
  return cpus;
}

function numberOf(setting: Setting): bigint {
  if (!/^-?\d{1,18}$/.test(setting.value))
    throw invalid(setting.line, `"${setting.value}" is no whole number`);
  return BigInt(setting.value);
}
