import type { DomainDefinition } from "../model.ts";
import { parseDomain } from "../document.ts";
import { completeXenDomain } from "./xen.ts";

function completed(kind: string, inner = "", devices = ""): DomainDefinition {
  const xml = `<domain type='xen'><name>a</name><memory unit='KiB'>524289</memory><os><type>${kind}</type></os>${inner}<devices>${devices}</devices></domain>`;
  return completeXenDomain(parseDomain(xml));
}

describe("a guest of Xen", () => {
  it.each([
    ["hvm", "hvm", "xenfv"],
    ["linux", "linux", "xenpv"],
    ["xen", "linux", "xenpv"],
    ["xenpvh", "xenpvh", "xenpvh"],
  ])("of the kind %s is a %s on a machine of its own", (kind, written, machine) => {
    expect(completed(kind).os.type).toEqual({ kind: written, arch: "x86_64", machine });
  });

  it("has whole MiB of memory", () => {
    expect(completed("linux").memory.bytes).toBe(513n << 20n);
    expect(completed("linux").currentMemory?.bytes).toBe(513n << 20n);
  });

  it("has what its kind cannot be without", () => {
    const pv = completed("linux").devices;
    expect(pv.consoles).toEqual([{ type: "pty", target: { type: "xen", port: 0 } }]);
    expect(pv.inputs.map(({ type, bus }) => [type, bus])).toEqual([
      ["mouse", "xen"],
      ["keyboard", "xen"],
    ]);
    expect(pv.memballoons).toEqual([{ model: "xen" }]);
    expect(pv.controllers).toEqual([{ type: "xenbus", index: 0 }]);
    const hvm = completed("hvm");
    expect(hvm.devices.consoles).toEqual([]);
    expect(hvm.devices.inputs.map(({ bus }) => bus)).toEqual(["ps2", "ps2"]);
    expect(hvm.features).toEqual({ pae: true });
  });

  it("has a clock that is adjusted by seconds as a variable one", () => {
    const clock = "<clock offset='localtime' adjustment='3600'/>";
    const variable = { offset: "variable", adjustment: 3600, basis: "localtime", timers: [] };
    expect(completed("hvm", clock).clock).toEqual(variable);
  });

  it("is told of its nodes by ACPI", () => {
    const cpu = "<vcpu>2</vcpu><cpu><numa><cell id='0' cpus='0-1' memory='512' unit='MiB'/></numa></cpu>";
    expect(completed("hvm", cpu).features).toEqual({ pae: true, acpi: true });
  });

  it.each([
    ["hvm", { type: "cirrus", vram: 8192 }],
    ["linux", { type: "xen", vram: 4096 }],
  ])("of the kind %s has a card behind its screen", (kind, model) => {
    expect(completed(kind, "", "<graphics type='vnc'/>").devices.videos).toMatchObject([{ model }]);
  });

  it("has disks without a format as raw, and those of the network from QEMU", () => {
    const disks =
      "<disk type='file'><source file='/a'/><target dev='xvda'/></disk><disk type='network'><source protocol='rbd' name='p/i'/><target dev='xvdb'/></disk>";
    expect(completed("linux", "", disks).devices.disks.map(({ driver }) => driver)).toEqual([
      { type: "raw" },
      { name: "qemu", type: "raw" },
    ]);
  });

  it("is none of another kind", () => {
    const kvm = "<domain type='kvm'><name>a</name><memory>1</memory><os><type>hvm</type></os></domain>";
    expect(() => completeXenDomain(parseDomain(kvm))).toThrow("type xen, not kvm at /domain/@type");
    expect(() => completed("uml")).toThrow("Xen runs guests of the kind hvm, linux and xenpvh, not uml");
  });
});
