import { parseDomain } from "@virtmesh/documents/domain/document";
import { findMeant } from "@virtmesh/documents/domain/find-device";
import { deviceUpdated, parseDevice } from "@virtmesh/documents/domain/one-device";
import { type LiveUpdate, liveUpdate } from "./update.ts";

const guest = parseDomain(`<domain type='qemu'>
  <name>web</name>
  <memory unit='MiB'>64</memory>
  <os><type>hvm</type></os>
  <devices>
    <disk type='file' device='cdrom'><source file='/one.iso'/><target dev='sda' bus='sata'/><readonly/></disk>
    <disk type='file'><source file='/a.img'/><target dev='vda' bus='virtio'/><iotune><total_iops_sec>5</total_iops_sec></iotune></disk>
    <interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/></interface>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
  </devices>
</domain>`);

function change(xml: string): LiveUpdate {
  const wanted = parseDevice(xml);
  const found = findMeant(guest, wanted);
  return liveUpdate("web", found, deviceUpdated(found, wanted));
}

describe("a device that shall be another while its guest runs", () => {
  it.each([
    [
      "another medium",
      "<disk device='cdrom'><source file='/two.iso'/><target dev='sda'/><readonly/></disk>",
      true,
    ],
    ["no medium", "<disk device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>", true],
    ["no limits", "<disk><source file='/a.img'/><target dev='vda'/></disk>", false],
  ])("may have %s", (_, xml, medium) => {
    expect(change(xml)).toMatchObject({ kind: "disk", medium });
  });

  it("may have its link down", () => {
    const xml = "<interface type='user'><mac address='52:54:00:00:00:01'/><link state='down'/></interface>";
    expect(change(xml)).toMatchObject({ kind: "link", up: false });
  });

  it("stays as it is in what the description leaves out", () => {
    expect(change("<interface type='user'><mac address='52:54:00:00:00:01'/></interface>")).toEqual({
      kind: "nothing",
    });
  });

  it.each([
    ["<disk><source file='/b.img'/><target dev='vda'/></disk>", "source of disk vda"],
    [
      "<interface type='user'><mac address='52:54:00:00:00:01'/><model type='e1000e'/></interface>",
      "model of interface",
    ],
    [
      "<disk device='cdrom'><source file='/one.iso'/><target dev='sda' bus='scsi'/><readonly/></disk>",
      "target of disk sda",
    ],
  ])("is refused with what cannot change: %s", (xml, what) => {
    expect(() => change(xml)).toThrow(what);
    expect(() => change(xml)).toThrow(expect.objectContaining({ reason: "CONFIG_UNSUPPORTED" }));
  });
});
