import {
  MigrateDomainRequest,
  MigrationMode,
  MigrationStorage,
  MemoryCompression,
  TuneMigrationRequest,
} from "@virtmesh/api/gen/virtmesh/v1/migration";
import { MigrationOffer as WireOffer } from "@virtmesh/api/gen/virtmesh/v1/migration_peer";
import { newMigrationId } from "@virtmesh/core/ids";
import { sampleOffer } from "./sample-offer.ts";
import { offerFromWire, offerToWire, planOf, retuned } from "./wire.ts";

const UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f";
const plan = (request: object) => planOf(MigrateDomainRequest.fromPartial(request), newMigrationId(), UUID);

describe("an offer on the wire", () => {
  it("arrives at the destination as it was made, sizes beyond 2^53 included", () => {
    const offer = sampleOffer();
    const bytes = WireOffer.encode(offerToWire(offer)).finish();
    expect(offerFromWire(WireOffer.decode(bytes))).toEqual(offer);
  });

  it("keeps the choice of disks and an unset choice of persistence", () => {
    const { persistDestination: _, ...rest } = sampleOffer().plan;
    const chosen = { target: "vda", destinationPath: "/b/x", destinationFormat: "raw" };
    const offer = sampleOffer({ plan: { ...rest, disks: [chosen] } });
    expect(offerFromWire(offerToWire(offer)).plan).toEqual(offer.plan);
  });
});

describe("a request to migrate", () => {
  it("has TLS, 300 ms of downtime and one connection unless told otherwise", () => {
    expect(plan({})).toMatchObject({
      tls: true,
      tuning: { maxDowntimeMs: 300 },
      parallelConnections: 1,
      disks: "shared",
      mode: "live",
    });
  });

  it.each([
    ["a downtime of nothing", { tuning: { maxDowntime: { seconds: 0n, nanos: 0 } } }, "tuning.max_downtime"],
    ["zstd on one connection", { compression: MemoryCompression.MEMORY_COMPRESSION_ZSTD }, "compression"],
    [
      "xbzrle on several",
      { compression: MemoryCompression.MEMORY_COMPRESSION_XBZRLE, parallelConnections: 4 },
      "compression",
    ],
    [
      "post-copy of a guest that is off",
      { mode: MigrationMode.MIGRATION_MODE_OFFLINE, postcopyAfterPasses: 1 },
      "postcopy",
    ],
    ["naming disks of shared storage", { disks: [{ target: "vda" }] }, "disks"],
    [
      "the same disk twice",
      { storage: MigrationStorage.MIGRATION_STORAGE_COPY, disks: [{ target: "vda" }, { target: "vda" }] },
      "disks.target",
    ],
    [
      "a disk without a name",
      { storage: MigrationStorage.MIGRATION_STORAGE_COPY, disks: [{}] },
      "disks.target",
    ],
    ["300 connections", { parallelConnections: 300 }, "parallel_connections"],
  ])("is refused with the field named: %s", (_, request, field) => {
    expect(() => plan(request)).toThrow(
      expect.objectContaining({
        reason: "INVALID_FIELD",
        context: { violations: [expect.objectContaining({ field })] },
      }),
    );
  });
});

describe("a change of limits", () => {
  const now = { memoryBandwidth: 5n, diskBandwidth: 6n, maxDowntimeMs: 700 };
  const change = (request: object) => retuned(now, TuneMigrationRequest.fromPartial(request));

  it("leaves alone what its mask does not name", () => {
    const tuning = { memoryBandwidthBytesPerSecond: 9n };
    expect(change({ tuning, updateMask: ["memory_bandwidth_bytes_per_second"] })).toEqual({
      ...now,
      memoryBandwidth: 9n,
    });
  });

  it("sets everything without a mask", () => {
    expect(change({ tuning: { memoryBandwidthBytesPerSecond: 9n } })).toEqual({
      memoryBandwidth: 9n,
      diskBandwidth: 0n,
      maxDowntimeMs: 300,
    });
  });

  it("refuses a mask of something else", () => {
    expect(() => change({ updateMask: ["speed"] })).toThrow('"speed" is no limit of a migration');
  });
});
