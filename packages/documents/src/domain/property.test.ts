import fc from "fast-check";
import type { Disk } from "./devices/disk.ts";
import type { Interface } from "./devices/interface.ts";
import { formatDomain, parseDomain } from "./document.ts";
import { NO_DEVICES } from "./devices.ts";
import type { DomainDefinition } from "./model.ts";

const optional: { requiredKeys: [] } = { requiredKeys: [] };
const path = fc.stringMatching(/^\/[a-zA-Z0-9 &<>'"._-]{1,20}$/);
const words = fc.stringMatching(/^[ -~äß漢\n\t]{1,20}$/);
const address = fc.record({
  type: fc.constant("pci" as const),
  slot: fc.integer({ min: 0, max: 31 }),
  bus: fc.integer({ min: 0, max: 255 }),
});

const diskOptions = fc.record(
  {
    driver: fc.record(
      {
        type: fc.constantFrom("raw", "qcow2"),
        cache: fc.constantFrom("none", "writeback", "unsafe"),
        iothread: fc.integer({ min: 1, max: 9 }),
        copyOnRead: fc.boolean(),
      },
      optional,
    ),
    readonly: fc.constant(true as const),
    serial: fc.stringMatching(/^[ -~]{1,20}$/),
  },
  optional,
);

const disks: fc.Arbitrary<readonly Disk[]> = fc
  .array(fc.tuple(fc.constantFrom("file", "block"), path, diskOptions), { maxLength: 4 })
  .map((list) =>
    list.map(([type, where, options], i): Disk => {
      const common = {
        device: "disk" as const,
        target: { dev: `vd${"abcd"[i]}`, bus: "virtio" as const },
        ...options,
      };
      return type === "file"
        ? { type, ...common, source: { file: where, seclabels: [] } }
        : { type: "block", ...common, source: { dev: where, seclabels: [] } };
    }),
  );

const interfaces: fc.Arbitrary<readonly Interface[]> = fc
  .array(
    fc.record(
      { model: fc.constantFrom("virtio", "e1000"), mtu: fc.integer({ min: 68, max: 9000 }) },
      optional,
    ),
    {
      maxLength: 4,
    },
  )
  .map((list) =>
    list.map(
      (options, i): Interface => ({
        type: "user",
        mac: { address: `52:54:00:00:00:0${i}` },
        ips: [],
        routes: [],
        portForwards: [],
        ...options,
      }),
    ),
  );

const definitions: fc.Arbitrary<DomainDefinition> = fc
  .record({
    base: fc.record(
      {
        uuid: fc.uuid(),
        title: words,
        description: words,
        onCrash: fc.constantFrom("destroy" as const, "restart" as const),
        metadata: fc.record({
          name: fc.constant("metadata"),
          attributes: fc.constant([]),
          children: words.map((t) => [
            { name: "note", attributes: [{ name: "by", value: t }], children: [t] },
          ]),
        }),
      },
      optional,
    ),
    name: fc.stringMatching(/^[a-zA-Z0-9 .&<>'"_-]{3,20}$/),
    kib: fc.bigInt({ min: 1n, max: 2n ** 40n }),
    vcpus: fc.integer({ min: 1, max: 4096 }),
    disks,
    interfaces,
    balloon: fc.option(address, { nil: undefined }),
  })
  .map(({ base, name, kib, vcpus, disks, interfaces, balloon }) => ({
    ...base,
    type: "kvm",
    name,
    memory: { bytes: kib * 1024n },
    vcpu: { count: vcpus },
    sysinfo: [],
    os: { type: { kind: "hvm" }, initArguments: [], initEnvironment: [], boot: [] },
    devices: {
      ...NO_DEVICES,
      disks,
      interfaces,
      memballoons: [{ model: "virtio" as const, ...(balloon === undefined ? {} : { address: balloon }) }],
    },
    seclabels: [],
  }));

describe("any definition", () => {
  it("is the same after it was written and read", () => {
    fc.assert(
      fc.property(definitions, (definition) => {
        expect(parseDomain(formatDomain(definition, { secure: true }))).toEqual(definition);
      }),
      { numRuns: 200 },
    );
  });
});
