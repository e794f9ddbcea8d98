import { minimal } from "../../testing/domains.ts";
import { refusal } from "../../testing/refusal.ts";
import { parseDomain } from "../document.ts";
import type { DomainDefinition } from "../model.ts";
import { completeBhyveDomain } from "./bhyve.ts";
import { completeLxcDomain } from "./lxc.ts";
import { completeGenericDomain } from "./generic.ts";

const container = (devices: string) =>
  parseDomain(`<domain type='lxc'>
  <name>box</name>
  <memory>65536</memory>
  <os><type>exe</type><init>/sbin/init</init></os>
  <devices>${devices}</devices>
</domain>`);

const bhyve = (devices: string, inside = "") =>
  parseDomain(`<domain type='bhyve'>
  <name>beast</name>
  <uuid>df3be7e7-a104-11e3-aeb0-50e5492bd3dc</uuid>
  <memory>65536</memory>${inside}
  <os><type>hvm</type></os>
  <devices>${devices}</devices>
</domain>`);

const disk = (dev: string, bus = "") =>
  `<disk type='file'><source file='/${dev}'/><target dev='${dev}' ${bus}/></disk>`;

const completed = (definition: DomainDefinition) => completeGenericDomain(definition, { arch: "x86_64" });
const onBhyve = (definition: DomainDefinition, disksPerController: 32 | 1 = 32) =>
  completeBhyveDomain(definition, { arch: "x86_64", disksPerController });

describe("a completed definition", () => {
  it("says what a guest does that says nothing", () => {
    expect(completed(parseDomain(minimal()))).toMatchObject({
      currentMemory: { bytes: 64n * 1024n * 1024n },
      vcpu: { placement: "static", count: 1 },
      os: { boot: [{ dev: "hd" }] },
      clock: { offset: "utc" },
      onPoweroff: "destroy",
      onReboot: "restart",
      onCrash: "destroy",
    });
  });

  it("has the places of drives and the controllers that they need", () => {
    const { disks, controllers } = completed(
      parseDomain(minimal("", disk("hdc", "bus='ide'") + disk("sdb", "bus='scsi'"))),
    ).devices;
    expect(disks.map((d) => d.address)).toEqual([
      { type: "drive", controller: 0, bus: 1, target: 0, unit: 0 },
      { type: "drive", controller: 0, bus: 0, target: 0, unit: 1 },
    ]);
    expect(controllers).toEqual([
      { type: "scsi", index: 0 },
      { type: "ide", index: 0 },
    ]);
  });

  it("says of character devices who connects, and sends before it receives", () => {
    const { serials } = completed(
      parseDomain(
        minimal(
          "",
          `<serial type='tcp'><source host='h' service='1'/></serial>
           <serial type='udp'><source service='2'/><source mode='bind' service='3'/></serial>`,
        ),
      ),
    ).devices;
    expect(serials[0]).toMatchObject({ source: { mode: "connect" }, protocol: "raw" });
    expect(serials[1]).toMatchObject({
      sources: [
        { mode: "bind", service: "3" },
        { mode: "connect", service: "2" },
      ],
    });
  });

  it("is the same when it is completed once more", () => {
    const devices = `${disk("sda")}<graphics type='vnc'/><channel type='unix'><target type='virtio' name='a'/></channel>`;
    const once = completed(parseDomain(minimal("<vcpu cpuset='1,0'>2</vcpu>", devices)));
    expect(completed(once)).toEqual(once);
  });

  it("names nothing to boot from when the host loads the kernel", () => {
    const definition = bhyve("", "<bootloader>/grub</bootloader><bootloader_args>-x</bootloader_args>");
    expect(completed(definition)).toMatchObject({ bootloaderArgs: "-x", os: { boot: [] } });
  });
});

describe("a completed container", () => {
  it("has terminals for consoles", () => {
    const { consoles, serials } = completeLxcDomain(container("<console type='pty'/>"), {
      emulator: "/lxc",
      arch: "x86_64",
    }).devices;
    expect(consoles).toEqual([{ type: "pty", target: { type: "lxc", port: 0 } }]);
    expect(serials).toEqual([]);
  });
});

describe("a completed guest of bhyve", () => {
  it("has its devices on one bus, the ISA bridge in slot 1", () => {
    const serial = "<serial type='nmdm'/>";
    const { controllers, disks, serials } = onBhyve(bhyve(disk("vda") + serial)).devices;
    expect(controllers).toMatchObject([
      { type: "pci", model: "pci-root" },
      { type: "isa", address: { slot: 1 } },
    ]);
    expect(disks[0]?.address).toMatchObject({ type: "pci", slot: 2 });
    expect(serials[0]).toMatchObject({
      source: { master: "/dev/nmdmdf3be7e7-a104-11e3-aeb0-50e5492bd3dcA" },
    });
  });

  it.each([
    [32 as const, 0, 1],
    [1 as const, 1, 0],
  ])(
    "has, with controllers of %p disks, the second disk on controller %p, unit %p",
    (disksPerController, controller, unit) => {
      const two = disk("sda", "bus='sata'") + disk("sdb", "bus='sata'");
      const { disks } = onBhyve(bhyve(two), disksPerController).devices;
      expect(disks[1]?.address).toMatchObject({ type: "drive", controller, unit });
    },
  );

  it("is refused when its bus is full", () => {
    const many = Array.from({ length: 40 }, (_, i) =>
      disk(`vd${i < 26 ? "" : "a"}${String.fromCharCode(97 + (i % 26))}`),
    ).join("");
    expect(refusal(() => onBhyve(bhyve(many))).message).toContain("no PCI slot is left");
  });
});
