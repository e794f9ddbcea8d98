import { parseDomain } from "@virtmesh/documents/domain/document";
import { aliasOf } from "@virtmesh/documents/domain/find-device";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { allDevices, parseDevice } from "@virtmesh/documents/domain/one-device";
import { latestQemu } from "@virtmesh/documents/domain/semantics/qemu/traits";
import { withAliases } from "../cmdline/aliases.ts";
import { identified } from "@virtmesh/agent/guests/definition";
import { complete, withNewDevice, withoutOldDevice } from "./device-change.ts";
import { deviceByAlias, devicesAdded } from "./hardware.ts";
import { withSparePorts } from "./spare-ports.ts";

const traits = latestQemu("x86_64");
const disk = (target: string) =>
  parseDevice(`<disk><source file='/${target}'/><target dev='${target}' bus='virtio'/></disk>`);

function guest(machine: string, devices = ""): IdentifiedDomain {
  return identified(
    parseDomain(`<domain type='qemu'>
      <name>web</name>
      <memory unit='MiB'>64</memory>
      <os><type arch='x86_64' machine='${machine}'>hvm</type></os>
      <features><acpi/></features>
      <devices>${devices}</devices>
    </domain>`),
  );
}

const running = (machine: string, devices = "") =>
  withAliases(withSparePorts(guest(machine, devices), traits));

describe("a device that comes to a guest that runs", () => {
  it.each(["q35", "pc"])("gets a place of its own and a name on a %s", (machine) => {
    const before = running(machine);
    const [added] = devicesAdded(before, withNewDevice(before, disk("vda"), traits, true));
    expect(added).toMatchObject({
      list: "disks",
      device: { alias: "disk-vda", address: { type: "pci", slot: expect.any(Number) as number } },
    });
  });

  it("changes nothing about those that are there", () => {
    const before = running(
      "q35",
      "<interface type='user'/><rng model='virtio'><backend model='builtin'/></rng>",
    );
    const after = withNewDevice(before, disk("vda"), traits, true);
    for (const each of allDevices(before.devices)) {
      const alias = aliasOf(each);
      if (alias !== undefined) expect(deviceByAlias(after, alias)?.device).toEqual(each.device);
    }
  });

  it("does not take the name of one that went before it", () => {
    const rng = parseDevice("<rng model='virtio'><backend model='builtin'/></rng>");
    const two = withNewDevice(withNewDevice(running("pc"), rng, traits, true), rng, traits, true);
    const first = deviceByAlias(two, "rng0");
    const one = first && withoutOldDevice(two, first);
    const again = one && withNewDevice(one, rng, traits, true);
    expect(again?.devices.rngs.map((r) => r.alias)).toEqual(["rng1", expect.not.stringMatching("rng1")]);
  });

  it("brings the controller it sits on, which is plugged in first", () => {
    const before = running("pc");
    const scsi = parseDevice("<disk><source file='/a'/><target dev='sda' bus='scsi'/></disk>");
    const added = devicesAdded(before, withNewDevice(before, scsi, traits, true));
    expect(added.map(({ list }) => list)).toEqual(["controllers", "disks"]);
  });

  it("is refused when a guest on PCI Express has no port left for it", () => {
    let definition = running("q35");
    const fill = (): void => {
      for (const letter of "abcdefgh")
        definition = withNewDevice(definition, disk(`vd${letter}`), traits, true);
    };
    expect(fill).toThrow(expect.objectContaining({ reason: "NO_FREE_SLOT" }));
    expect(definition.devices.disks.length).toBeGreaterThanOrEqual(4);
  });

  it("is refused when it is there already", () => {
    expect(() =>
      withNewDevice(withNewDevice(running("pc"), disk("vda"), traits, true), disk("vda"), traits, true),
    ).toThrow("has a disk vda already");
  });

  it("counts in the memory of its guest when it is memory", () => {
    const numa = guest("q35");
    const before = {
      ...complete(numa, traits),
      maxMemory: { slots: 2, bytes: 1n << 30n },
      cpu: parseDomain(
        "<domain type='qemu'><name>x</name><memory unit='MiB'>64</memory><os><type>hvm</type></os><cpu><numa><cell id='0' cpus='0' memory='64' unit='MiB'/></numa></cpu></domain>",
      ).cpu,
    } as IdentifiedDomain;
    const dimm = parseDevice(
      "<memory model='dimm'><target><size unit='MiB'>128</size><node>0</node></target></memory>",
    );
    const after = withNewDevice(before, dimm, traits, true);
    expect(after.memory.bytes).toBe(192n << 20n);
    const found = deviceByAlias(after, "dimm0");
    expect(found && withoutOldDevice(after, found).memory.bytes).toBe(64n << 20n);
  });
});

describe("a definition that leaves PCI controllers to us", () => {
  const ports = ({ devices }: IdentifiedDomain) =>
    devices.controllers.filter((c) => c.type === "pci" && c.model === "pcie-root-port").length;

  it("gets free ports on q35, once", () => {
    const once = withSparePorts(guest("q35"), traits);
    expect(ports(once)).toBeGreaterThanOrEqual(4);
    expect(withSparePorts(once, traits)).toEqual(once);
  });

  it("gets none where it has said what it wants", () => {
    const own =
      "<controller type='pci' index='0' model='pcie-root'/><controller type='pci' index='1' model='pcie-root-port'/>";
    expect(ports(withSparePorts(guest("q35", own), traits))).toBeLessThan(4);
    expect(ports(withSparePorts(guest("pc"), traits))).toBe(0);
  });
});
