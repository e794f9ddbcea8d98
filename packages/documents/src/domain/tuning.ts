import { big, cpuset, int, nonEmpty, oneOf, signed, yesNo } from "../schema/kinds.ts";
import {
  amountAttribute,
  amountChild,
  attribute,
  attributeChild,
  child,
  listChild,
  marker,
  maybe,
  optional,
  repeated,
  textChild,
} from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { element } from "../schema/schema.ts";
import { iotune } from "./devices/iotune.ts";

/** Shares of the host's disks. */
export const blkiotuneSchema = element({
  weight: optional(textChild("weight", int())),
  devices: repeated(
    "device",
    element({
      path: textChild("path", nonEmpty),
      weight: optional(textChild("weight", int())),
      readIopsSec: optional(textChild("read_iops_sec", int())),
      writeIopsSec: optional(textChild("write_iops_sec", int())),
      readBytesSec: optional(textChild("read_bytes_sec", big)),
      writeBytesSec: optional(textChild("write_bytes_sec", big)),
    }),
  ),
});

/** Limits of the memory that the guest takes of the host. */
export const memtuneSchema = element({
  hardLimit: optional(amountChild("hard_limit")),
  softLimit: optional(amountChild("soft_limit")),
  minGuarantee: optional(amountChild("min_guarantee")),
  swapHardLimit: optional(amountChild("swap_hard_limit")),
});

const hugepageSchema = element({
  bytes: amountAttribute("size"),
  nodeset: maybe("nodeset", cpuset),
});

/** What the guest's memory is on the host. */
export const memoryBackingSchema = element({
  hugepages: optional(listChild("hugepages", "page", hugepageSchema)),
  nosharepages: marker("nosharepages"),
  locked: marker("locked"),
  source: optional(attributeChild("source", "type", oneOf("file", "anonymous", "memfd"))),
  access: optional(attributeChild("access", "mode", oneOf("shared", "private"))),
  allocation: optional(
    child(
      "allocation",
      element({ mode: maybe("mode", oneOf("immediate", "ondemand")), threads: maybe("threads", int()) }),
    ),
  ),
  discard: marker("discard"),
});

const threads = {
  threadPoolMin: maybe("thread_pool_min", int()),
  threadPoolMax: maybe("thread_pool_max", int()),
} as const;

export const iothreadSchema = element({
  id: attribute("id", int(1)),
  ...threads,
  poll: optional(
    child(
      "poll",
      element({ max: maybe("max", int()), grow: maybe("grow", int()), shrink: maybe("shrink", int()) }),
    ),
  ),
});

export const defaultIothreadSchema = element(threads);

/** Each processor of the guest by its number. */
export const vcpuSchema = element({
  id: attribute("id", int()),
  enabled: attribute("enabled", yesNo),
  hotpluggable: maybe("hotpluggable", yesNo),
  order: maybe("order", int(1)),
});

const policy = {
  scheduler: attribute("scheduler", oneOf("batch", "idle", "fifo", "rr")),
  priority: maybe("priority", int(0, 99)),
} as const;

const vcpus = attribute("vcpus", cpuset);

/** Parts of the host's caches, and of its memory's bandwidth. */
const cachetuneSchema = element({
  vcpus,
  id: maybe("id", nonEmpty),
  caches: repeated(
    "cache",
    element({
      id: attribute("id", int()),
      level: attribute("level", int()),
      type: attribute("type", oneOf("both", "code", "data")),
      bytes: amountAttribute("size", { assumed: "bytes", written: "largest" }),
    }),
  ),
  monitors: repeated("monitor", element({ level: attribute("level", int()), vcpus })),
});

const memorytuneSchema = element({
  vcpus,
  id: maybe("id", nonEmpty),
  nodes: repeated("node", element({ id: attribute("id", int()), bandwidth: attribute("bandwidth", int()) })),
  monitors: repeated("monitor", element({ level: maybe("level", int()), vcpus })),
});

/** Processors whose use of energy is watched. */
const energytuneSchema = element({
  vcpus,
  id: maybe("id", nonEmpty),
  monitors: repeated("monitor", element({ vcpus })),
});

/** Shares of the host's processors; periods and quotas in microseconds. */
export const cputuneSchema = element({
  shares: optional(textChild("shares", big)),
  period: optional(textChild("period", big)),
  quota: optional(textChild("quota", signed)),
  globalPeriod: optional(textChild("global_period", big)),
  globalQuota: optional(textChild("global_quota", signed)),
  emulatorPeriod: optional(textChild("emulator_period", big)),
  emulatorQuota: optional(textChild("emulator_quota", signed)),
  iothreadPeriod: optional(textChild("iothread_period", big)),
  iothreadQuota: optional(textChild("iothread_quota", signed)),
  vcpupins: repeated(
    "vcpupin",
    element({ vcpu: attribute("vcpu", int()), cpuset: attribute("cpuset", cpuset) }),
  ),
  emulatorpin: optional(attributeChild("emulatorpin", "cpuset", cpuset)),
  iothreadpins: repeated(
    "iothreadpin",
    element({ iothread: attribute("iothread", int()), cpuset: attribute("cpuset", cpuset) }),
  ),
  emulatorsched: optional(child("emulatorsched", element(policy))),
  vcpuscheds: repeated("vcpusched", element({ vcpus, ...policy })),
  iothreadscheds: repeated(
    "iothreadsched",
    element({ iothreads: attribute("iothreads", cpuset), ...policy }),
  ),
  cachetunes: repeated("cachetune", cachetuneSchema),
  memorytunes: repeated("memorytune", memorytuneSchema),
  energytunes: repeated("energytune", energytuneSchema),
});

/** Limits of speed that several disks share. */
export const throttleGroupSchema = element(iotune);

/** Where among the host's groups of processes the guest is. */
export const resourceSchema = element({
  partition: optional(textChild("partition", nonEmpty)),
  fibrechannelAppid: optional(attributeChild("fibrechannel", "appid", nonEmpty)),
});

/** Counters of the host's processors that are kept for the guest. */
export const perfEventSchema = element({
  name: attribute("name", nonEmpty),
  enabled: attribute("enabled", yesNo),
});

export type Cputune = ModelOf<typeof cputuneSchema>;
export type MemoryBacking = ModelOf<typeof memoryBackingSchema>;
