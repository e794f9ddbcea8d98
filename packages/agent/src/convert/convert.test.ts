import { BlockJobState, BlockJobType } from "@virtmesh/api/gen/virtmesh/v1/block_job";
import { Domain, DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  DeviceEventType,
  EventClass,
  LifecycleEventType,
  SnapshotEventType,
} from "@virtmesh/api/gen/virtmesh/v1/event";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type { HypervisorEventBody } from "@virtmesh/core/driver/events";
import { domainUuid, type MigrationId } from "@virtmesh/core/ids";
import { toWireDomain } from "./domain.ts";
import { millisecondsOf } from "./duration.ts";
import { classOf, toDraft, toWireBody } from "./event.ts";
import { toWireHost } from "./host.ts";

const UUID = domainUuid("6695eb01-f6a4-8304-79aa-97f2502e193f");

const INFO: DomainInfo = {
  uuid: UUID,
  name: "web",
  state: "paused",
  stateReason: "io-error",
  type: "kvm",
  persistent: true,
  autostart: true,
  updated: true,
  vcpus: 2,
  memoryBytes: 1n << 30n,
  maxMemoryBytes: 1n << 31n,
  title: "t",
  description: "d",
  disks: [
    {
      target: "vda",
      bus: "virtio",
      device: "disk",
      type: "file",
      source: "/a",
      format: "qcow2",
      readonly: true,
      shareable: true,
    },
  ],
  interfaces: [{ mac: "52:54:00:00:00:01", type: "bridge", source: "br0", model: "virtio", device: "tap0" }],
  graphics: [{ type: "vnc", listen: "127.0.0.1", port: 5900, socket: "" }],
  etag: "e",
  startTimeMs: 1_700_000_000_123,
  id: 3,
  managedSave: true,
};

const PLACE = { uri: "qemu://a/system", host: "a", generation: 5n, currentOperation: "operations/1" };

describe("a guest on the wire", () => {
  it("carries everything the driver and the agent know of it", () => {
    const domain = toWireDomain(INFO, PLACE);
    expect(domain).toMatchObject({ ...PLACE, state: DomainState.DOMAIN_STATE_PAUSED, disks: INFO.disks });
    expect(Domain.decode(Domain.encode(domain).finish())).toEqual({
      ...INFO,
      ...PLACE,
      startTimeMs: undefined,
      state: DomainState.DOMAIN_STATE_PAUSED,
      startTime: new Date(INFO.startTimeMs),
    });
  });

  it("has no start time while it does not run", () => {
    expect(toWireDomain({ ...INFO, startTimeMs: 0 }, PLACE).startTime).toBeUndefined();
  });

  it.each([
    ["running", DomainState.DOMAIN_STATE_RUNNING],
    ["blocked", DomainState.DOMAIN_STATE_BLOCKED],
    ["shutdown", DomainState.DOMAIN_STATE_SHUTDOWN],
    ["shutoff", DomainState.DOMAIN_STATE_SHUTOFF],
    ["crashed", DomainState.DOMAIN_STATE_CRASHED],
    ["pmsuspended", DomainState.DOMAIN_STATE_PMSUSPENDED],
  ] as const)("is %s", (state, expected) => {
    expect(toWireDomain({ ...INFO, state }, PLACE).state).toBe(expected);
  });
});

describe("an event on the wire", () => {
  const migrationId = "11111111-2222-4333-8444-555555555555" as MigrationId;
  const job = {
    id: "j",
    disk: "vda",
    type: "mirror",
    state: "failed",
    doneBytes: 1n,
    totalBytes: 2n,
    speedLimitBytesPerSecond: 0n,
    error: "No space left on device",
    migrationId,
  } as const;

  it.each<[HypervisorEventBody, EventClass, object]>([
    [
      { kind: "lifecycle", type: "stopped", detail: "destroyed" },
      EventClass.EVENT_CLASS_LIFECYCLE,
      { type: LifecycleEventType.LIFECYCLE_EVENT_TYPE_STOPPED, detail: "destroyed" },
    ],
    [
      { kind: "blockJob", job },
      EventClass.EVENT_CLASS_BLOCK_JOB,
      {
        job: {
          ...job,
          type: BlockJobType.BLOCK_JOB_TYPE_MIRROR,
          state: BlockJobState.BLOCK_JOB_STATE_FAILED,
        },
      },
    ],
    [
      { kind: "device", type: "removalFailed", device: "vdb", detail: "busy" },
      EventClass.EVENT_CLASS_DEVICE,
      { type: DeviceEventType.DEVICE_EVENT_TYPE_REMOVAL_FAILED, device: "vdb", detail: "busy" },
    ],
    [
      { kind: "ioError", disk: "vda", operation: "write", action: "stop", message: "m", outOfSpace: true },
      EventClass.EVENT_CLASS_IO_ERROR,
      { disk: "vda", operation: "write", action: "stop", message: "m", outOfSpace: true },
    ],
    [{ kind: "guestPanic", detail: "oops" }, EventClass.EVENT_CLASS_GUEST_PANIC, { detail: "oops" }],
    [
      { kind: "snapshot", type: "reverted", snapshot: "fresh" },
      EventClass.EVENT_CLASS_SNAPSHOT,
      { type: SnapshotEventType.SNAPSHOT_EVENT_TYPE_REVERTED, snapshot: "fresh" },
    ],
    [
      { kind: "resource", memoryBytes: 1n, maxMemoryBytes: 2n, vcpus: 3 },
      EventClass.EVENT_CLASS_RESOURCE,
      { memoryBytes: 1n, maxMemoryBytes: 2n, vcpus: 3 },
    ],
  ])("of kind $kind has its class and its content", (body, eventClass, value) => {
    const wire = toWireBody(body);
    expect(classOf(wire)).toBe(eventClass);
    expect(wire.value).toEqual(value);
  });

  it("says who caused it and that it was found rather than seen", () => {
    const draft = toDraft(
      {
        uuid: UUID,
        name: "web",
        timeMs: 5,
        reconciled: true,
        actor: "alice",
        requestId: "r",
        body: { kind: "guestPanic", detail: "" },
      },
      "00-trace",
    );
    expect(draft).toMatchObject({
      timeMs: 5,
      reconciled: true,
      actor: "alice",
      requestId: "r",
      traceparent: "00-trace",
    });
  });
});

describe("a host on the wire", () => {
  it("carries what the driver knows and who the agent is", () => {
    const info = {
      uuid: "u",
      hypervisorVersion: "7.2.22",
      architecture: "x86_64",
      cpuModel: "c",
      cpus: 4,
      memoryBytes: 8n,
      freeMemoryBytes: 4n,
      accelerators: ["kvm"],
      bootTimeMs: 1000,
      notes: ["n"],
    };
    const cordon = { cordoned: true, cordonReason: "a new disk" };
    const agent = { uri: "qemu://a/system", host: "a", hypervisor: "qemu", version: "0.1.0", ...cordon };
    const { bootTimeMs, ...same } = info;
    expect(toWireHost(info, agent)).toEqual({
      ...same,
      uri: agent.uri,
      name: "a",
      hypervisor: "qemu",
      agentVersion: "0.1.0",
      bootTime: new Date(bootTimeMs),
      ...cordon,
    });
  });
});

describe("a duration", () => {
  it.each([
    [undefined, undefined],
    [{ seconds: 0n, nanos: 0 }, undefined],
    [{ seconds: 2n, nanos: 500_000_000 }, 2500],
  ])("%j is %j ms", (duration, expected) => {
    expect(millisecondsOf(duration, "timeout")).toBe(expected);
  });

  it("must not be negative", () => {
    expect(() => millisecondsOf({ seconds: -1n, nanos: 0 }, "timeout")).toThrow(
      "timeout must not be negative",
    );
  });
});
