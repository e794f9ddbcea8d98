import type { Duration } from "@virtmesh/api/gen/google/protobuf/duration";
import {
  MemoryCompression,
  MigrateDomainRequest,
  MigrationMode,
  MigrationStorage,
  type MigrationTuning,
  MirrorCopyMode,
  type TuneMigrationRequest,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import {
  DestinationStanding,
  type MigrationOffer as WireOffer,
  type Prepared,
} from "@virtmesh/api/gen/virtmesh/v1/migration_peer";
import type { DiskChoice, MigrationOffer, MigrationPlan, Tuning } from "@virtmesh/core/driver/migration";
import type { Endpoints } from "@virtmesh/core/migration/endpoints";
import { VirtError } from "@virtmesh/core/errors";
import { domainUuid, generation, type MigrationId } from "@virtmesh/core/ids";
import type { Answer } from "@virtmesh/core/migration/facts";
import { MAX_PRIORITY, MIN_PRIORITY } from "@virtmesh/core/traffic/line";

const DEFAULT_DOWNTIME_MS = 300;

export function millis(d: Duration | undefined): number | undefined {
  return d === undefined ? undefined : Number(d.seconds) * 1000 + d.nanos / 1e6;
}

export function duration(ms: number): Duration {
  const whole = Math.floor(ms / 1000);
  return { seconds: BigInt(whole), nanos: Math.round((ms - whole * 1000) * 1e6) };
}

export function tuningOf(t: MigrationTuning | undefined): Tuning {
  const maxDowntimeMs = millis(t?.maxDowntime) ?? DEFAULT_DOWNTIME_MS;
  if (maxDowntimeMs <= 0 || maxDowntimeMs > 2_000_000) {
    throw new VirtError(
      "INVALID_FIELD",
      `a downtime of ${maxDowntimeMs} ms is not possible: 1 ms to 2000 s`,
      {
        violations: [{ field: "tuning.max_downtime", description: "must be between 1 ms and 2000 s" }],
      },
    );
  }
  return {
    memoryBandwidth: t?.memoryBandwidthBytesPerSecond ?? 0n,
    diskBandwidth: t?.diskBandwidthBytesPerSecond ?? 0n,
    maxDowntimeMs,
  };
}

const TUNING_FIELDS: Readonly<Record<string, keyof Tuning>> = {
  memory_bandwidth_bytes_per_second: "memoryBandwidth",
  disk_bandwidth_bytes_per_second: "diskBandwidth",
  max_downtime: "maxDowntimeMs",
};

/** The limits after a change of those in its mask, or of all without a mask. @throws INVALID_FIELD. */
export function retuned(now: Tuning, request: TuneMigrationRequest): Tuning {
  const wanted = tuningOf(request.tuning);
  if (request.updateMask === undefined) return wanted;
  const fields = request.updateMask.map((path) => {
    const field = TUNING_FIELDS[path];
    if (field !== undefined) return field;
    throw new VirtError("INVALID_FIELD", `"${path}" is no limit of a migration`, {
      violations: [{ field: "update_mask", description: `one of ${Object.keys(TUNING_FIELDS).join(", ")}` }],
    });
  });
  return { ...now, ...Object.fromEntries(fields.map((field) => [field, wanted[field]])) };
}

/** What was asked, checked. @throws INVALID_FIELD naming the field. */
export function planOf(request: MigrateDomainRequest, id: MigrationId, uuid: string): MigrationPlan {
  checkPriority(request.priority);
  const mode = request.mode === MigrationMode.MIGRATION_MODE_OFFLINE ? "offline" : "live";
  const compression = compressionOf(request.compression);
  const parallelConnections = Math.max(1, request.parallelConnections);
  if (parallelConnections > 255)
    throw invalid("parallel_connections", "at most 255 connections are possible");
  if ((compression === "zlib" || compression === "zstd") && parallelConnections < 2) {
    throw invalid("compression", `${compression} needs parallel_connections of 2 or more`);
  }
  if (compression === "xbzrle" && parallelConnections > 1) {
    throw invalid("compression", "xbzrle works with a single connection only; use zlib or zstd");
  }
  if (mode === "offline" && request.persistDestination === false) {
    throw invalid(
      "persist_destination",
      "of a guest that is off there is nothing but its definition, so the destination must keep it",
    );
  }
  if (request.disks.length > 0 && request.storage !== MigrationStorage.MIGRATION_STORAGE_COPY) {
    throw invalid("disks", "disks can be named only with MIGRATION_STORAGE_COPY");
  }
  return {
    id,
    uuid: domainUuid(uuid),
    mode,
    copyMode:
      request.copyMode === MirrorCopyMode.MIRROR_COPY_MODE_WRITE_BLOCKING ? "write-blocking" : "background",
    tuning: tuningOf(request.tuning),
    ...(request.persistDestination === undefined ? {} : { persistDestination: request.persistDestination }),
    ...(request.undefineSource === undefined ? {} : { undefineSource: request.undefineSource }),
    leavePaused: request.paused,
    abortOnIoError: request.abortOnIoError,
    unsafe: request.unsafe,
    destinationName: request.destinationName,
    destinationXml: request.destinationXml,
    parallelConnections,
    compression,
    autoConverge: request.autoConverge,
    tls: !request.plaintext,
    timeoutMs: millis(request.timeout) ?? 0,
    disks: disksOf(request),
    ...postcopyOf(request, mode),
  };
}

/** @throws INVALID_FIELD */
export function checkPriority(priority: number): void {
  if (priority < MIN_PRIORITY || priority > MAX_PRIORITY)
    throw invalid("priority", `must be from ${MIN_PRIORITY} to ${MAX_PRIORITY}, not ${priority}`);
}

function postcopyOf(
  { postcopy, postcopyAfterPasses: afterPasses }: MigrateDomainRequest,
  mode: MigrationPlan["mode"],
): Pick<MigrationPlan, "postcopy"> {
  if (!postcopy && afterPasses === 0) return {};
  if (mode === "offline")
    throw invalid("postcopy", "a guest that is off has no memory to fetch; migrate it while it runs");
  return { postcopy: { afterPasses } };
}

function invalid(field: string, description: string): VirtError {
  return new VirtError("INVALID_FIELD", `${field}: ${description}`, { violations: [{ field, description }] });
}

function disksOf(request: MigrateDomainRequest): MigrationPlan["disks"] {
  if (request.storage !== MigrationStorage.MIGRATION_STORAGE_COPY) return "shared";
  if (request.disks.length === 0) return "all";
  const seen = new Set<string>();
  return request.disks.map((d): DiskChoice => {
    if (d.target === "")
      throw invalid("disks.target", "a disk is named by its target in the guest, such as vda");
    if (seen.has(d.target)) throw invalid("disks.target", `disk ${d.target} is named twice`);
    seen.add(d.target);
    return { target: d.target, destinationPath: d.destinationPath, destinationFormat: d.destinationFormat };
  });
}

const COMPRESSION: Record<MigrationPlan["compression"], MemoryCompression> = {
  none: MemoryCompression.MEMORY_COMPRESSION_NONE,
  xbzrle: MemoryCompression.MEMORY_COMPRESSION_XBZRLE,
  zlib: MemoryCompression.MEMORY_COMPRESSION_ZLIB,
  zstd: MemoryCompression.MEMORY_COMPRESSION_ZSTD,
};

function compressionOf(c: MemoryCompression): MigrationPlan["compression"] {
  const names = Object.keys(COMPRESSION) as MigrationPlan["compression"][];
  return names.find((name) => COMPRESSION[name] === c) ?? "none";
}

/** The plan as a request again: that is how it travels to the destination. */
function requestOf(plan: MigrationPlan): MigrateDomainRequest {
  return MigrateDomainRequest.fromPartial({
    domain: plan.uuid,
    mode: plan.mode === "offline" ? MigrationMode.MIGRATION_MODE_OFFLINE : MigrationMode.MIGRATION_MODE_LIVE,
    storage:
      plan.disks === "shared"
        ? MigrationStorage.MIGRATION_STORAGE_SHARED
        : MigrationStorage.MIGRATION_STORAGE_COPY,
    disks: typeof plan.disks === "string" ? [] : plan.disks.map((d) => ({ ...d })),
    copyMode:
      plan.copyMode === "write-blocking"
        ? MirrorCopyMode.MIRROR_COPY_MODE_WRITE_BLOCKING
        : MirrorCopyMode.MIRROR_COPY_MODE_BACKGROUND,
    tuning: {
      memoryBandwidthBytesPerSecond: plan.tuning.memoryBandwidth,
      diskBandwidthBytesPerSecond: plan.tuning.diskBandwidth,
      maxDowntime: duration(plan.tuning.maxDowntimeMs),
    },
    ...(plan.persistDestination === undefined ? {} : { persistDestination: plan.persistDestination }),
    ...(plan.undefineSource === undefined ? {} : { undefineSource: plan.undefineSource }),
    paused: plan.leavePaused,
    abortOnIoError: plan.abortOnIoError,
    unsafe: plan.unsafe,
    destinationName: plan.destinationName,
    destinationXml: plan.destinationXml,
    parallelConnections: plan.parallelConnections,
    compression: COMPRESSION[plan.compression],
    autoConverge: plan.autoConverge,
    plaintext: !plan.tls,
    timeout: duration(plan.timeoutMs),
    postcopy: plan.postcopy !== undefined,
    postcopyAfterPasses: plan.postcopy?.afterPasses ?? 0,
  });
}

export function offerToWire(offer: MigrationOffer): WireOffer {
  return {
    id: offer.plan.id,
    domainUuid: offer.plan.uuid,
    domainName: offer.name,
    sourceHost: offer.sourceHost,
    nextGeneration: offer.nextGeneration,
    xml: offer.xml,
    disks: offer.disks.map((d) => ({ ...d })),
    request: requestOf(offer.plan),
    persistentXml: offer.persistentXml,
    hypervisorVersion: offer.hypervisorVersion,
    sourceHostUuid: offer.sourceHostUuid,
    requiredFeatures: [...offer.requiredFeatures],
    tls: offer.plan.tls,
    running: offer.running,
    memoryBytes: offer.memoryBytes,
  };
}

export function offerFromWire(offer: WireOffer): MigrationOffer {
  if (offer.request === undefined)
    throw new VirtError("PROTOCOL", "an offer of a migration came without its plan");
  return {
    plan: planOf(offer.request, offer.id as MigrationId, offer.domainUuid),
    name: offer.domainName,
    sourceHost: offer.sourceHost,
    sourceHostUuid: offer.sourceHostUuid,
    hypervisorVersion: offer.hypervisorVersion,
    nextGeneration: generation(offer.nextGeneration),
    xml: offer.xml,
    persistentXml: offer.persistentXml,
    disks: offer.disks,
    requiredFeatures: offer.requiredFeatures,
    running: offer.running,
    memoryBytes: offer.memoryBytes,
  };
}

export function endpointsToWire(e: Endpoints): Prepared {
  return {
    memoryAddress: e.memoryAddress,
    exports: e.exports.map((x) => ({ ...x })),
    hypervisorVersion: e.hypervisorVersion,
    tlsHostname: e.tlsHostname,
  };
}

const STANDINGS: Record<Answer, DestinationStanding> = {
  unknown: DestinationStanding.DESTINATION_STANDING_UNKNOWN,
  preparing: DestinationStanding.DESTINATION_STANDING_PREPARING,
  prepared: DestinationStanding.DESTINATION_STANDING_PREPARED,
  loaded: DestinationStanding.DESTINATION_STANDING_LOADED,
  resuming: DestinationStanding.DESTINATION_STANDING_RESUMING,
  resumed: DestinationStanding.DESTINATION_STANDING_RESUMED,
  promised: DestinationStanding.DESTINATION_STANDING_PROMISED,
  pulling: DestinationStanding.DESTINATION_STANDING_PULLING,
  lost: DestinationStanding.DESTINATION_STANDING_LOST,
};

export function standingToWire(s: Answer): DestinationStanding {
  return STANDINGS[s];
}

/** undefined for a word this version does not know: never a ground for anything. */
export function standingFromWire(s: DestinationStanding): Answer | undefined {
  return (Object.keys(STANDINGS) as Answer[]).find((k) => STANDINGS[k] === s);
}
