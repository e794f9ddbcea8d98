import { parseDomain } from "../../document.ts";
import { parseDevice } from "../../one-device.ts";
import { attachToQemu } from "./attach.ts";
import { completeQemuDomain } from "./complete.ts";
import { latestQemu } from "./traits.ts";

const traits = latestQemu("x86_64");
const running = (machine: string, devices = "") =>
  completeQemuDomain(
    parseDomain(
      `<domain type='kvm'><name>g</name><memory>65536</memory><os><type machine='${machine}'>hvm</type></os><devices>${devices}</devices></domain>`,
    ),
    { traits, newDomain: true },
  );
const attach = (definition: ReturnType<typeof running>, xml: string) =>
  attachToQemu(definition, parseDevice(xml), { traits });
const disk = (name: string, bus: string) =>
  `<disk type='file' device='disk'><source file='/a'/><target dev='${name}' bus='${bus}'/></disk>`;

describe("a device that is plugged into a guest", () => {
  it("on q35 takes the port that is spare, and the next finds none", () => {
    const first = attach(running("q35"), disk("vda", "virtio"));
    expect(first.controllers).toEqual([]);
    expect(first.device.device).toMatchObject({ address: { type: "pci", slot: 0, function: 0 } });
    expect(() => attach(first.definition, disk("vdb", "virtio"))).toThrow(/no free place.*pcie-root-port/);
  });

  it("on pc takes the lowest slot that is free, and moves nothing", () => {
    const before = running("pc", disk("vda", "virtio"));
    const { definition, device } = attach(before, disk("vdb", "virtio"));
    expect(definition.devices.disks[0]).toEqual(before.devices.disks[0]);
    expect(device.device).toMatchObject({ address: { type: "pci", bus: 0, slot: 4 } });
  });

  it("brings the controller that it needs, where that can be plugged in", () => {
    const { controllers, device } = attach(running("pc"), disk("sda", "scsi"));
    expect(controllers).toMatchObject([{ type: "scsi", index: 0, address: { type: "pci" } }]);
    expect(device.device).toMatchObject({ address: { type: "drive", controller: 0, unit: 0 } });
  });

  it("is not taken at the root of PCI Express", () => {
    const xml = "<watchdog model='i6300esb'><address type='pci' bus='0' slot='9'/></watchdog>";
    expect(() => attach(running("q35"), xml)).toThrow(/root of PCI Express/);
  });
});
