import { cpuParts } from "../domain/cpu.ts";
import { distances, interconnects, numaCacheSchema } from "../domain/numa.ts";
import { cpuset, int, nonEmpty, oneOf, text, uuid, yesNo } from "../schema/kinds.ts";
import {
  amountAttribute,
  amountChild,
  attribute,
  child,
  listChild,
  marker,
  maybe,
  optional,
  ownText,
  repeated,
  textChild,
  textOnly,
} from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { element } from "../schema/schema.ts";

/** Sizes of pages of memory. */
const pageSize = { bytes: amountAttribute("size") } as const;

export const hostCpuSchema = element({
  arch: optional(textChild("arch", nonEmpty)),
  flags: optional(
    child(
      "features",
      element({ pae: marker("pae"), nonpae: marker("nonpae"), vmx: marker("vmx"), svm: marker("svm") }),
    ),
  ),
  ...cpuParts,
  pages: repeated("pages", element(pageSize)),
});

const cell = element({
  id: attribute("id", int()),
  memory: optional(amountChild("memory")),
  pages: repeated("pages", element({ ...pageSize, count: ownText(int()) })),
  ...distances,
  caches: repeated("cache", numaCacheSchema),
  cpus: optional(
    child(
      "cpus",
      element({
        count: attribute("num", int()),
        cpus: repeated(
          "cpu",
          element({
            id: attribute("id", int()),
            socket: maybe("socket_id", int()),
            die: maybe("die_id", int()),
            cluster: maybe("cluster_id", int()),
            core: maybe("core_id", int()),
            siblings: maybe("siblings", cpuset),
          }),
        ),
      }),
    ),
  ),
});

/** What the host can watch of its caches and its memory's bandwidth. */
const monitor = {
  monitor: optional(
    child(
      "monitor",
      element({
        level: maybe("level", int()),
        reuseThreshold: maybe("reuseThreshold", int()),
        maxMonitors: attribute("maxMonitors", int()),
        features: repeated("feature", element({ name: attribute("name", nonEmpty) })),
      }),
    ),
  ),
} as const;

const cacheType = attribute("type", oneOf("both", "code", "data"));

const cache = element({
  banks: repeated(
    "bank",
    element({
      id: attribute("id", int()),
      level: attribute("level", int()),
      type: cacheType,
      bytes: amountAttribute("size", { assumed: "bytes", written: "largest" }),
      cpus: attribute("cpus", cpuset),
      /** Granularity and least amount are in the unit beside them. */
      controls: repeated(
        "control",
        element({
          granularity: attribute("granularity", int()),
          min: maybe("min", int()),
          unit: attribute("unit", nonEmpty),
          type: cacheType,
          maxAllocations: attribute("maxAllocs", int()),
        }),
      ),
    }),
  ),
  ...monitor,
});

const memoryBandwidth = element({
  nodes: repeated(
    "node",
    element({
      id: attribute("id", int()),
      cpus: attribute("cpus", cpuset),
      /** In per cent. */
      controls: repeated(
        "control",
        element({
          granularity: attribute("granularity", int()),
          min: maybe("min", int()),
          maxAllocations: attribute("maxAllocs", int()),
        }),
      ),
    }),
  ),
  ...monitor,
});

export const hostSchema = element({
  uuid: optional(textChild("uuid", uuid)),
  cpu: child("cpu", hostCpuSchema),
  powerManagement: optional(
    child(
      "power_management",
      element({
        suspendMemory: marker("suspend_mem"),
        suspendDisk: marker("suspend_disk"),
        suspendHybrid: marker("suspend_hybrid"),
      }),
    ),
  ),
  iommu: optional(child("iommu", element({ support: maybe("support", yesNo) }))),
  migration: optional(
    child(
      "migration_features",
      element({
        live: marker("live"),
        transports: optional(listChild("uri_transports", "uri_transport", textOnly(nonEmpty))),
      }),
    ),
  ),
  networkPrefix: optional(textChild("netprefix", nonEmpty)),
  topology: optional(
    child(
      "topology",
      element({
        cells: child("cells", element({ count: attribute("num", int()), cells: repeated("cell", cell) })),
        ...interconnects,
      }),
    ),
  ),
  cache: optional(child("cache", cache)),
  memoryBandwidth: optional(child("memory_bandwidth", memoryBandwidth)),
  securityModels: repeated(
    "secmodel",
    element({
      model: textChild("model", text),
      doi: textChild("doi", text),
      baseLabels: repeated(
        "baselabel",
        element({ type: attribute("type", nonEmpty), label: optional(ownText(text)) }),
      ),
    }),
  ),
});

export type HostCpu = ModelOf<typeof hostCpuSchema>;
