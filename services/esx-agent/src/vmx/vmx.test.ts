import fc from "fast-check";
import { targetOf } from "../definition/disk-places.ts";
import { datastorePath, volumePath } from "./datastore-paths.ts";
import { fromVmx } from "./from-vmx.ts";
import { hardwareVersionOf } from "./hardware-version.ts";
import { formatVmx, VmxSettings } from "./settings.ts";
import { toVmx } from "./to-vmx.ts";

const HARDWARE = 13;
const places = { folder: "[datastore1] web", nameOf: (volume: string) => volume };
const reading = { pathOf: (fileName: string) => datastorePath(fileName, places) };

function guest(devices = "", more = ""): string {
  return `<domain type='vmware'><name>web</name><uuid>564d9bef-acd9-b4e0-c8f0-aea8b9103515</uuid>
    <memory unit='MiB'>1024</memory>${more}<os><type arch='x86_64'>hvm</type></os><devices>${devices}</devices></domain>`;
}

function vmx(...lines: readonly string[]): string {
  return ['config.version = "8"', 'virtualHW.version = "13"', 'displayName = "web"', ...lines].join("\n");
}

const settings = (xml: string): VmxSettings => VmxSettings.read(toVmx(xml, HARDWARE));

describe("a .vmx file", () => {
  it("has names that are the same in capitals, and comments", () => {
    const read = VmxSettings.read('#!/usr/bin/vmware\nSCSI0:0.fileName = "a.vmdk"\n');
    expect(read.text("scsi0:0.filename")).toBe("a.vmdk");
  });

  it("carries any text unharmed", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(VmxSettings.read(formatVmx([["annotation", text]])).text("annotation")).toBe(text);
      }),
    );
  });

  it.each([
    ["displayName", 'line 1: displayName is not of the form name = "value"'],
    ['a = "b" c', 'line 1: a = "b" c is not of the form'],
    ['a = "|4"', "line 1: "],
    ['config.version = "7"', 'line 1: config.version = "7" must be "8"'],
    [
      'config.version = "8"\nvirtualHW.version = "3"',
      'line 2: virtualHW.version = "3" must be "4" or higher',
    ],
    ['config.version = "8"\nvirtualHW.version = "8"', "displayName is missing: the name of the guest"],
    [vmx('memsize = "many"'), 'line 4: memsize = "many" must be a whole number'],
    [vmx('scsi0.present = "maybe"'), 'line 4: scsi0.present = "maybe" must be "true" or "false"'],
    [
      vmx(
        'scsi0.present = "TRUE"',
        'scsi0.virtualDev = "nvme"',
        'scsi0:0.present = "TRUE"',
        'scsi0:0.fileName = "a.vmdk"',
      ),
      'line 5: scsi0.virtualDev = "nvme" must be one of buslogic',
    ],
    [
      vmx('ethernet0.present = "TRUE"', 'ethernet0.connectionType = "hostonly"'),
      'line 5: ethernet0.connectionType = "hostonly" has no counterpart',
    ],
    [
      vmx('ide0:0.present = "TRUE"', 'ide0:0.fileName = "a.raw"'),
      'line 5: ide0:0.fileName = "a.raw" is no disk',
    ],
    [vmx('.encoding = "windows-1252"', 'annotation = "\u{fffd}"'), "iconv -f windows-1252 -t UTF-8"],
  ])("is refused where it cannot be understood: %j", (text, message) => {
    expect(() => fromVmx(text, reading)).toThrow(message);
  });

  it("names files in the folder where it stands, or on a volume", () => {
    const read = fromVmx(
      vmx(
        'scsi0.present = "TRUE"',
        ...['scsi0:0.present = "TRUE"', 'scsi0:0.fileName = "web.vmdk"'],
        ...['scsi0:1.present = "TRUE"', 'scsi0:1.fileName = "/vmfs/volumes/other/data/data.vmdk"'],
      ),
      reading,
    );
    expect(read).toContain("[datastore1] web/web.vmdk");
    expect(read).toContain("[other] data/data.vmdk");
    expect(volumePath("[datastore1] web/web.vmdk")).toBe("/vmfs/volumes/datastore1/web/web.vmdk");
    expect(volumePath("web.vmdk")).toBeUndefined();
  });

  it("gives disks on units that libvirt has no name for a free one", () => {
    const read = fromVmx(
      vmx(
        ...['scsi0.present = "TRUE"', 'scsi1.present = "TRUE"'],
        ...["scsi0:16", "scsi1:0"].flatMap((at) => [
          `${at}.present = "TRUE"`,
          `${at}.fileName = "${at}.vmdk"`,
        ]),
      ),
      reading,
    );
    expect([...read.matchAll(/dev='(\w+)'/g)].map(([, dev]) => dev)).toEqual(["sdp", "sda"]);
    expect(settings(read).text("scsi0:16.fileName")).toContain("scsi0:16.vmdk");
  });

  it.each([
    ["a device that VMware has not", guest("<rng model='virtio'><backend model='random'/></rng>"), "rng"],
    [
      "a disk without a datastore",
      guest("<disk><source file='a.vmdk'/><target dev='sda'/></disk>"),
      "[datastore1]",
    ],
    ["a disk that is no vmdk", guest("<disk><source file='/a.raw'/><target dev='sda'/></disk>"), ".vmdk"],
    ["a disk of another bus", guest("<disk><source file='/a.vmdk'/><target dev='vda'/></disk>"), "vda"],
    [
      "a card of a network",
      guest("<interface type='network'><source network='a'/></interface>"),
      "not network",
    ],
    ["another hypervisor's guest", guest().replace("'vmware'", "'kvm'"), "kvm"],
  ])("is not written for %s", (_, xml, named) => {
    expect(() => toVmx(xml, HARDWARE)).toThrow(
      expect.objectContaining({ reason: "CONFIG_UNSUPPORTED", message: expect.stringContaining(named) }),
    );
  });

  it("says who gave a card its address", () => {
    const typeOf = (mac: string): unknown => {
      const nic = `<interface type='bridge'><mac address='${mac}'/><source bridge='VM Network'/></interface>`;
      const read = settings(guest(nic));
      return [read.text("ethernet0.addressType"), read.text("ethernet0.checkMACAddress")];
    };
    expect(typeOf("00:0c:29:00:00:01")).toEqual(["generated", undefined]);
    expect(typeOf("00:50:56:3f:00:01")).toEqual(["static", undefined]);
    expect(typeOf("00:50:56:80:00:01")).toEqual(["vpx", undefined]);
    expect(typeOf("52:54:00:00:00:01")).toEqual(["static", "false"]);
  });

  it("keeps title, metadata and CPUs to come under names of their own", () => {
    const more = `<title>My guest</title><metadata><x:y xmlns:x="urn:x" z="1">kept</x:y></metadata>`;
    const xml = guest("", "<vcpu current='1'>2</vcpu>").replace("<memory", `${more}<memory`);
    expect(settings(xml).text("numvcpus")).toBe("1");
    const back = fromVmx(toVmx(xml, HARDWARE), reading);
    expect(back).toMatch(/<title>My guest[\s\S]*<x:y [^>]*>kept[\s\S]*<vcpu [^>]*current='1'>2/);
  });

  it("says the same after it was read and written again", () => {
    const unit = fc.integer({ min: 0, max: 14 }).map((n) => (n < 7 ? n : n + 1));
    const name = fc.stringMatching(/^[a-z][\x20-\x2e\x30-\x7e\u00e4-\u00fc]{0,20}[a-z]$/);
    const made = fc.record({
      name,
      units: fc.uniqueArray(unit, { minLength: 1, maxLength: 4 }),
      model: fc.constantFrom("buslogic", "lsilogic", "lsisas1068", "vmpvscsi"),
      cards: fc.array(fc.constantFrom("e1000", "e1000e", "vmxnet2", "vmxnet3"), { maxLength: 4 }),
      cpus: fc.integer({ min: 1, max: 16 }),
      ports: fc.array(fc.constantFrom("telnet", "raw", "tls"), { maxLength: 4 }),
    });
    fc.assert(
      fc.property(made, ({ name: guestName, units, model, cards, cpus, ports }) => {
        const disks = units.map(
          (
            at,
          ) => `<disk><source file='[d] ${at}.vmdk'/><target dev='${targetOf({ bus: "scsi", controller: 1, unit: at })}' bus='scsi'/>
            <address type='drive' controller='1' unit='${at}'/></disk>`,
        );
        const nics = cards.map((card) => `<interface type='user'><model type='${card}'/></interface>`);
        const serials = ports.map(
          (port, i) => `<serial type='tcp'><source mode='bind' host='::1' service='${4000 + i}'/>
            <protocol type='${port}'/></serial>`,
        );
        const controller = `<controller type='scsi' index='1' model='${model}'/>`;
        const devices = [...disks, controller, ...nics, ...serials].join("");
        const escaped = guestName.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
        const xml = guest(devices, `<vcpu>${cpus}</vcpu>`).replace("<name>web", () => `<name>${escaped}`);
        const once = toVmx(xml, HARDWARE);
        expect(toVmx(fromVmx(once, reading), HARDWARE).split("\n").sort()).toEqual(
          expect.arrayContaining(once.split("\n").sort()),
        );
      }),
      { numRuns: 50 },
    );
  });

  it("is for the newest hardware that the server has", () => {
    expect(["3.5.0", "6.5.0", "6.7.3", "8.0.2"].map(hardwareVersionOf)).toEqual([4, 13, 14, 20]);
  });
});
