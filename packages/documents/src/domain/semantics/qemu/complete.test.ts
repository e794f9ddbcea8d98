import { minimal, WORKSTATION } from "../../../testing/domains.ts";
import { refusal } from "../../../testing/refusal.ts";
import { formatDomain, parseDomain } from "../../document.ts";
import type { DomainDefinition } from "../../model.ts";
import { completeQemuDomain } from "./complete.ts";
import type { QemuTraits } from "./traits.ts";
import { latestQemu } from "./traits.ts";

function complete(xml: string, traits: QemuTraits = latestQemu("x86_64")): DomainDefinition {
  return completeQemuDomain(parseDomain(xml), { traits });
}

/** A guest of a machine, with devices. */
function guest(machine: string, devices = "", arch = "x86_64"): string {
  return `<domain type='qemu'>
  <name>tiny</name>
  <memory unit='MiB'>64</memory>
  <os><type arch='${arch}' machine='${machine}'>hvm</type></os>
  <devices>${devices}</devices>
</domain>`;
}

/** Controllers and other devices with their places: `usb 0 piix3-uhci @ 0:01.2`. */
function places({ devices }: DomainDefinition): readonly string[] {
  const place = (address: DomainDefinition["devices"]["disks"][number]["address"]) => {
    if (address === undefined) return "";
    if (address.type !== "pci") return ` @ ${Object.values(address).join(" ")}`;
    const slot = (address.slot ?? 0).toString(16).padStart(2, "0");
    return ` @ ${address.bus}:${slot}.${address.function}${address.multifunction === true ? "+" : ""}`;
  };
  return [
    ...devices.disks.map((d) => `disk ${d.target.dev}${place(d.address)}`),
    ...devices.controllers.map((c) => `${c.type} ${c.index} ${c.model ?? "-"}${place(c.address)}`),
    ...devices.interfaces.map((d) => `interface ${d.model}${place(d.address)}`),
    ...devices.videos.map((d) => `video ${d.model?.type}${place(d.address)}`),
    ...devices.memballoons.map((d) => `memballoon ${d.model}${place(d.address)}`),
  ];
}

const DISK = "<disk type='file'><source file='/a'/><target dev='vda' bus='virtio'/></disk>";
const CARD = "<interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/></interface>";

describe("a guest on a pc machine", () => {
  it("has the controllers of PIIX3 in slot 1, its screen in slot 2, and other devices from slot 3 on", () => {
    const xml = guest(
      "pc",
      `<disk type='file'><source file='/b'/><target dev='hda' bus='ide'/></disk>${DISK}${CARD}<graphics type='vnc'/>`,
    );
    expect(places(complete(xml))).toEqual([
      "disk hda @ drive 0 0 0 0",
      "disk vda @ 0:04.0",
      "usb 0 piix3-uhci @ 0:01.2",
      "pci 0 pci-root",
      "ide 0 - @ 0:01.1",
      "interface virtio @ 0:03.0",
      "video cirrus @ 0:02.0",
      "memballoon virtio @ 0:05.0",
    ]);
  });

  it("gets a bridge when the root bus is full, and keeps a slot of the bridge for the next one", () => {
    const disks = Array.from({ length: 30 }, (_, i) => {
      const dev = `vd${i < 26 ? String.fromCharCode(97 + i) : `a${String.fromCharCode(97 + i - 26)}`}`;
      return `<disk type='file'><source file='/${dev}'/><target dev='${dev}' bus='virtio'/></disk>`;
    });
    const all = places(complete(guest("pc", disks.join(""))));
    expect(all).toContain("pci 1 pci-bridge @ 0:02.0");
    expect(all).toContain("memballoon virtio @ 1:02.0");
  });

  it("is refused when its first IDE controller is said to be elsewhere", () => {
    const ide = `<controller type='ide' index='0'><address type='pci' domain='0' bus='0' slot='5' function='0'/></controller>`;
    const error = refusal(() => complete(guest("pc", ide)));
    expect(error.reason).toBe("XML_INVALID");
    expect(error.message).toContain("built into the board at 0000:00:01.1, its address is 0000:00:05.0");
    expect(error.message).toContain("/domain/devices/controller[1]/address");
  });
});

describe("a guest on a q35 machine", () => {
  it("has its devices on ports of their own, which are functions of one slot, and one port more for hotplug", () => {
    expect(places(complete(guest("q35", DISK + CARD)))).toEqual([
      "disk vda @ 3:00.0",
      "usb 0 qemu-xhci @ 2:00.0",
      "sata 0 - @ 0:1f.2",
      "pci 0 pcie-root",
      "pci 1 pcie-root-port @ 0:01.0+",
      "pci 2 pcie-root-port @ 0:01.1",
      "pci 3 pcie-root-port @ 0:01.2",
      "pci 4 pcie-root-port @ 0:01.3",
      "pci 5 pcie-root-port @ 0:01.4",
      "interface virtio @ 1:00.0",
      "memballoon virtio @ 4:00.0",
    ]);
  });

  it("gets a bridge to conventional PCI for a card that needs it", () => {
    const card = CARD.replace("virtio", "rtl8139");
    expect(places(complete(guest("q35", card)))).toEqual(
      expect.arrayContaining(["pci 2 pcie-to-pci-bridge @ 1:00.0", "interface rtl8139 @ 2:01.0"]),
    );
  });

  it("does not get a port more when somebody laid out its controllers", () => {
    const ports = `<controller type='pci' index='0' model='pcie-root'/><controller type='pci' index='1' model='pcie-root-port'/>`;
    const bridges = places(complete(guest("q35", ports + CARD))).filter((p) => p.startsWith("pci"));
    expect(bridges).toEqual([
      "pci 0 pcie-root",
      "pci 1 pcie-root-port @ 0:01.0+",
      "pci 2 pcie-root-port @ 0:01.1",
      "pci 3 pcie-root-port @ 0:01.2",
    ]);
  });

  it("tells each port its chassis and its number", () => {
    const port = complete(guest("q35", CARD)).devices.controllers.find(
      (c) => c.type === "pci" && c.index === 2,
    );
    expect(port).toMatchObject({ modelName: "pcie-root-port", target: { chassis: 2, port: 9 } });
  });
});

describe("guests of other architectures", () => {
  it.each([
    ["aarch64", "virt", "interface virtio @ 1:00.0"],
    ["riscv64", "virt", "interface virtio @ 1:00.0"],
    ["s390x", "s390-ccw-virtio", "interface virtio @ ccw 254 0 1"],
    ["ppc64", "pseries", "interface virtio @ 0:01.0"],
  ])("have virtio cards on the transport of %s", (arch, machine, expected) => {
    expect(places(complete(guest(machine, CARD + DISK, arch), latestQemu(arch)))).toContain(expected);
  });

  it("have serial ports of the board's own kind, and the console that stands for it", () => {
    const { devices } = complete(guest("pseries", "<serial type='pty'/>", "ppc64"), latestQemu("ppc64"));
    const target = { type: "spapr-vio-serial", port: 0, model: "spapr-vty" };
    const address = { type: "spapr-vio", reg: 0x3000_0000n };
    expect(devices.serials).toEqual([{ type: "pty", target, address }]);
    expect(devices.consoles).toEqual([{ type: "pty", target: { type: "serial", port: 0 }, address }]);
  });
});

describe("completing", () => {
  it.each([
    ["a workstation", WORKSTATION],
    ["a small guest", minimal("", DISK + CARD)],
    ["a q35 guest", guest("q35", DISK + CARD)],
  ])("changes nothing the second time but the order of controllers: %s", (_, xml) => {
    const sorted = ({ devices, ...rest }: DomainDefinition) => {
      const { controllers } = devices;
      const order = controllers.toSorted((a, b) =>
        `${a.type}${a.index}`.localeCompare(`${b.type}${b.index}`),
      );
      return { ...rest, devices: { ...devices, controllers: order } };
    };
    const once = complete(xml);
    expect(sorted(completeQemuDomain(once, { traits: latestQemu("x86_64") }))).toEqual(sorted(once));
  });

  it("gives a definition that is read again as the same", () => {
    const once = complete(guest("q35", DISK + CARD));
    expect(parseDomain(formatDomain(once, { secure: true }))).toEqual(once);
  });

  it("leaves addresses as they are given", () => {
    const disk = DISK.replace(
      "</disk>",
      "<address type='pci' domain='0' bus='0' slot='9' function='0'/></disk>",
    );
    expect(places(complete(guest("pc", disk)))).toContain("disk vda @ 0:09.0");
  });

  it("refuses two devices at one place, naming the second", () => {
    const place = "<address type='pci' domain='0' bus='0' slot='9' function='0'/>";
    const xml = guest("pc", DISK.replace("</disk>", `${place}</disk>`));
    const twice = xml.replace("</devices>", `<memballoon model='virtio'>${place}</memballoon></devices>`);
    expect(refusal(() => complete(twice)).message).toContain("0:9:0");
  });

  it("pins the version of a machine that is called by its alias", () => {
    const traits = { ...latestQemu("x86_64"), machines: [{ name: "pc-i440fx-9.0", alias: "pc" }] };
    expect(complete(minimal(), traits).os.type.machine).toBe("pc-i440fx-9.0");
  });

  it("writes down the machine's own CPU, which must not change with QEMU", () => {
    const machine = { name: "pc-i440fx-9.0", alias: "pc", defaultCpu: { qemu: "qemu64" } };
    const { cpu } = complete(minimal(), { ...latestQemu("x86_64"), machines: [machine] });
    expect(cpu).toMatchObject({ mode: "custom", match: "exact", check: "none", model: { name: "qemu64" } });
  });
});
