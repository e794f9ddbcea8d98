import { parseDomain } from "./document.ts";
import { describeDevice, findDevice, findSame } from "./find-device.ts";
import { allDevices, parseDevice, withDevice, withDeviceReplaced, withoutDevice } from "./one-device.ts";

const guest = parseDomain(`<domain type='test'>
  <name>web</name>
  <memory unit='MiB'>64</memory>
  <os><type>hvm</type></os>
  <devices>
    <disk type='file'><source file='/a'/><target dev='vda' bus='virtio'/></disk>
    <disk type='file'><source file='/b'/><target dev='vdb' bus='virtio'/><alias name='ua-data'/></disk>
    <interface type='user'><mac address='52:54:00:00:00:01'/></interface>
    <rng model='virtio'><backend model='random'>/dev/random</backend></rng>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
  </devices>
</domain>`);

const place = ({ list, index }: { list: string; index: number }): string => `${list}[${index}]`;

describe("a device of a guest is found", () => {
  it.each([
    ["by its alias", { kind: "alias", alias: "ua-data" }, "disks[1]"],
    ["by the name of a disk", { kind: "target", target: "vda" }, "disks[0]"],
    [
      "by a MAC address, however it is written",
      { kind: "target", target: "52:54:00:00:00:01" },
      "interfaces[0]",
    ],
    ["by a disk of that target", { kind: "xml", xml: "<disk><target dev='vdb'/></disk>" }, "disks[1]"],
    [
      "by a network card of that MAC",
      { kind: "xml", xml: "<interface type='user'><mac address='52:54:00:00:00:01'/></interface>" },
      "interfaces[0]",
    ],
    [
      "by all that a description says",
      { kind: "xml", xml: "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>" },
      "rngs[1]",
    ],
  ] as const)("%s", (_, reference, found) => {
    expect(place(findDevice(guest, reference))).toBe(found);
  });

  it.each([
    [{ kind: "alias", alias: "none" }, "DEVICE_NOT_FOUND", 'no device with the alias "none"'],
    [{ kind: "target", target: "vdz" }, "DEVICE_NOT_FOUND", 'no disk or network card "vdz"'],
    [
      { kind: "xml", xml: "<rng model='virtio'><backend model='random'>/dev/none</backend></rng>" },
      "DEVICE_NOT_FOUND",
      "no such rng",
    ],
  ] as const)("or it is said that there is none: %j", (reference, reason, text) => {
    expect(() => findDevice(guest, reference)).toThrow(expect.objectContaining({ reason }));
    expect(() => findDevice(guest, reference)).toThrow(text);
  });

  it("or it is said that several fit", () => {
    const twice = parseDevice("<rng model='virtio'><backend model='random'>/dev/random</backend></rng>");
    const two = withDevice(guest, twice);
    const xml = "<rng model='virtio'><backend model='random'>/dev/random</backend></rng>";
    expect(() => findDevice(two, { kind: "xml", xml })).toThrow("2 devices that fit");
  });

  it("as the one that cannot stand beside another of its name", () => {
    const again = parseDevice("<disk><source file='/c'/><target dev='vda'/></disk>");
    const found = findSame(guest, again);
    expect(found && describeDevice(found)).toBe("disk vda");
    expect(
      findSame(guest, parseDevice("<disk><source file='/c'/><target dev='vdc'/></disk>")),
    ).toBeUndefined();
  });
});

describe("a single device", () => {
  it("is read with places of its own", () => {
    expect(() => parseDevice("<disk>\n  <target/>\n</disk>")).toThrow("/disk/target (line 2, column 3)");
    const ssh =
      "<disk type='network'>\n  <source protocol='ssh' name='a.img'><host name='h'/></source>\n  <target dev='vda'/></disk>";
    expect(() => parseDevice(ssh)).toThrow("/disk/source (line 2, column 3)");
    expect(() => parseDevice("<nothing/>")).toThrow("unknown element <nothing>");
    expect(() => parseDevice("<emulator>/x</emulator>")).toThrow("<emulator> is no device");
  });

  it("comes into a definition, takes another's place in it, and goes", () => {
    const disk = parseDevice("<disk><source file='/c'/><target dev='vdc'/></disk>");
    const more = withDevice(guest, disk);
    expect(allDevices(more.devices)).toHaveLength(allDevices(guest.devices).length + 1);
    const found = findDevice(more, { kind: "target", target: "vdc" });
    const other = parseDevice("<disk><source file='/d'/><target dev='vdc'/></disk>");
    const changed = withDeviceReplaced(more, found, other);
    expect(changed.devices.disks.at(-1)).toEqual(other.device);
    expect(withoutDevice(changed, found)).toEqual(guest);
  });
});
