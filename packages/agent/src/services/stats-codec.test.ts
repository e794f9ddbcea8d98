import { ListDomainStatsResponse } from "@virtmesh/api/gen/virtmesh/v1/domain";
import type { BlockStats, DomainStats, InterfaceStats } from "@virtmesh/core/driver/domains";
import type { DomainUuid } from "@virtmesh/core/ids";
import { wireDomainState } from "../convert/enums.ts";
import { encodeStats } from "./stats-codec.ts";
import fc from "fast-check";

const u64 = fc.oneof(fc.bigInt(0n, 1n << 20n), fc.bigInt(0n, (1n << 64n) - 1n));
/** A number that need not be known. */
const told = fc.option(u64, { nil: undefined });
const text = fc.oneof(fc.string({ unit: "binary", maxLength: 300 }), fc.constant(""));

const block: fc.Arbitrary<BlockStats> = fc.record({
  target: text,
  source: text,
  readRequests: told,
  readBytes: told,
  readTimeNs: told,
  writeRequests: told,
  writeBytes: told,
  writeTimeNs: told,
  flushRequests: told,
  flushTimeNs: told,
  allocationBytes: told,
  capacityBytes: u64,
  physicalBytes: told,
});

const nic: fc.Arbitrary<InterfaceStats> = fc.record({
  device: text,
  mac: text,
  receiveBytes: told,
  receivePackets: told,
  receiveErrors: told,
  receiveDrops: told,
  transmitBytes: told,
  transmitPackets: told,
  transmitErrors: told,
  transmitDrops: told,
});

const stats: fc.Arbitrary<DomainStats> = fc.record({
  uuid: fc.uuid().map((uuid) => uuid as DomainUuid),
  name: text,
  state: fc.constantFrom("running", "paused", "shutoff", "crashed"),
  stateReason: text,
  sampleTimeMs: fc.oneof(fc.constant(0), fc.nat(4_102_444_800_000)),
  cpuTimeNs: told,
  vcpus: fc.nat(4096),
  memoryBytes: u64,
  maxMemoryBytes: u64,
  rssBytes: u64,
  blocks: fc.array(block, { maxLength: 3 }),
  interfaces: fc.array(nic, { maxLength: 3 }),
});

describe("statistics encoded by hand", () => {
  it("are what the generated code decodes, whatever their values", () => {
    fc.assert(
      fc.property(fc.array(stats, { maxLength: 5 }), text, (items, nextPageToken) => {
        const decoded = ListDomainStatsResponse.decode(
          encodeStats(items, nextPageToken, "test://a/default").bytes,
        );
        expect(decoded).toEqual({
          nextPageToken,
          unreachable: [],
          stats: items.map(({ sampleTimeMs, ...item }) => ({
            ...item,
            uri: "test://a/default",
            state: wireDomainState(item.state),
            sampleTime: sampleTimeMs === 0 ? undefined : new Date(sampleTimeMs),
          })),
        });
      }),
    );
  });
});
