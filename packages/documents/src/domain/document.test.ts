import { minimal, WORKSTATION } from "../testing/domains.ts";
import { refusal } from "../testing/refusal.ts";
import { formatDomain, parseDomain } from "./document.ts";

describe("a domain document", () => {
  it("comes back as it was, character by character", () => {
    expect(formatDomain(parseDomain(WORKSTATION), { secure: true })).toBe(WORKSTATION);
  });

  it("is a typed value", () => {
    const definition = parseDomain(WORKSTATION);
    expect(definition).toMatchObject({
      type: "kvm",
      id: 7,
      title: "Anna's desk & chair",
      memory: { bytes: 4n * 1024n ** 3n },
      vcpu: { count: 4, current: 2 },
      os: { type: { kind: "hvm", machine: "pc-q35-7.2" }, loader: { type: "pflash" } },
      cpu: { model: { name: "Haswell" }, features: [{ policy: "require", name: "vmx" }, { name: "hle" }] },
    });
    const [vda, sdb, cdrom] = definition.devices.disks;
    expect(vda).toMatchObject({
      type: "file",
      source: { index: 2 },
      address: { type: "pci", bus: 4, slot: 0 },
    });
    expect(sdb).toMatchObject({ type: "block", source: { dev: "/dev/vg0/data" }, shareable: true });
    expect(cdrom?.source).toBeUndefined();
  });

  it("may leave out almost everything", () => {
    const definition = parseDomain(minimal());
    expect(definition.vcpu).toEqual({ count: 1 });
    expect(definition.devices.disks).toEqual([]);
    expect(parseDomain(formatDomain(definition))).toEqual(definition);
  });

  it.each([
    ["an unknown device", minimal("", "<hovercraft/>"), "XML_UNKNOWN", "/domain/devices/hovercraft"],
    [
      "a device of the host that names none",
      minimal("", "<hostdev mode='subsystem'/>"),
      "XML_INVALID",
      `<hostdev> has no attribute "type"`,
    ],
    [
      "a type of disk that nobody has",
      minimal(
        "",
        "<disk type='file'><source file='/a'/><target dev='vda'/></disk><disk type='tape'><target dev='vdb'/></disk>",
      ),
      "XML_INVALID",
      `attribute "type" is "tape" at /domain/devices/disk[2]/@type`,
    ],
    [
      "an unknown option of a driver",
      minimal("", "<disk type='file'><driver turbo='on'/><target dev='vda'/></disk>"),
      "XML_UNKNOWN",
      "/disk/driver/@turbo",
    ],
    [
      "a host type nobody has",
      minimal().replace("'qemu'", "'abacus'"),
      "XML_INVALID",
      `attribute "type" is "abacus"`,
    ],
    [
      "a guest without a name",
      minimal().replace("<name>tiny</name>", ""),
      "XML_INVALID",
      "no element <name>",
    ],
    ["no memory element", minimal().replace(/<memory.*memory>/, ""), "XML_INVALID", "no element <memory>"],
    [
      "a MAC address that is none",
      minimal("", "<interface type='user'><mac address='5254'/></interface>"),
      "XML_INVALID",
      "MAC",
    ],
  ])("is refused with %s", (_, xml, reason, message) => {
    const error = refusal(() => parseDomain(xml));
    expect(error.reason).toBe(reason);
    expect(error.message).toContain(message);
  });
});

describe("the forms of a domain document", () => {
  const definition = parseDomain(WORKSTATION);

  it("hide passwords unless they are asked for", () => {
    expect(formatDomain(definition)).not.toContain("s3cret");
    expect(formatDomain(definition, { inactive: true })).not.toContain("s3cret");
    expect(formatDomain(definition, { secure: true })).toContain("passwd='s3cret'");
  });

  it("give the password to the host a guest migrates to", () => {
    expect(formatDomain(definition, { migratable: true })).toContain("passwd='s3cret'");
  });

  it("leave out of an inactive one what only holds while it runs", () => {
    const inactive = parseDomain(formatDomain(definition, { inactive: true }));
    expect(inactive.id).toBeUndefined();
    expect(inactive.devices.disks[0]?.alias).toBeUndefined();
    expect(inactive.devices.disks[0]?.source).not.toHaveProperty("index");
    expect(inactive.devices.interfaces[0]?.target).toBeUndefined();
    expect(inactive.devices.serials[0]).not.toHaveProperty("source");
    expect(inactive.devices.channels[0]?.target.state).toBeUndefined();
    expect(inactive.devices.graphics[0]).toMatchObject({ port: -1 });
    expect(inactive.seclabels).toEqual([]);
  });

  it("keep in an inactive one aliases and interface names that the user chose", () => {
    const xml = minimal(
      "",
      "<interface type='ethernet'><target dev='lab0'/><alias name='ua-nic'/></interface>",
    );
    const [nic] = parseDomain(formatDomain(parseDomain(xml), { inactive: true })).devices.interfaces;
    expect(nic).toMatchObject({ target: { dev: "lab0" }, alias: "ua-nic" });
  });
});
