import type { HostDevices, QemuTraits } from "@virtmesh/documents/domain/semantics/qemu/traits";
import { readXml } from "@virtmesh/documents/xml/read";
import type { XmlElement } from "@virtmesh/documents/xml/tree";
import { elementsOf } from "@virtmesh/documents/xml/tree";
import type { Corpus } from "./corpus.ts";

/** libvirt's names of what a binary has that are not QEMU's. */
const DEVICES: ReadonlyMap<string, string> = new Map([
  ["lsi", "lsi53c895a"],
  ["virtio-net", "virtio-net-pci"],
  ["virtio-pci-non-transitional", "virtio-blk-pci-non-transitional"],
]);

/** Its names in test programs, where they are not made from those by capitals and underlines. */
const CONSTANTS: ReadonlyMap<string, string> = new Map([
  ["QEMU_CAPS_SCSI_LSI", "lsi"],
  ["QEMU_CAPS_VIRTIO_SCSI", "virtio-scsi-pci"],
  ["QEMU_CAPS_VIRTIO_PCI_TRANSITIONAL", "virtio-pci-non-transitional"],
  ["QEMU_CAPS_OBJECT_GPEX", "gpex-pcihost"],
  ["QEMU_CAPS_DEVICE_VGA", "VGA"],
  ["QEMU_CAPS_DEVICE_DMI_TO_PCI_BRIDGE", "i82801b11-bridge"],
]);

export function flagOf(constant: string): string {
  return (
    CONSTANTS.get(constant) ??
    constant
      .replace(/^QEMU_CAPS_(DEVICE_|OBJECT_)?/, "")
      .toLowerCase()
      .replaceAll("_", "-")
  );
}

function traitsOf(
  emulator: string,
  flags: ReadonlySet<string>,
): Omit<QemuTraits, "arch" | "machines" | "gicVersions" | "hostModel"> {
  return {
    emulator,
    devices: new Set([...flags].map((flag) => DEVICES.get(flag) ?? flag)),
    cpuMigratable: flags.has("cpu.migratable"),
    vfioDisplay: flags.has("vfio-pci.display"),
  };
}

/** Binaries that libvirt's tests pretend to find, by the architecture of the guest. */
const EMULATORS: Readonly<Record<string, { readonly arch: string; readonly machines: readonly string[] }>> = {
  i686: { arch: "i386", machines: ["pc"] },
  x86_64: { arch: "x86_64", machines: ["pc", "q35"] },
  aarch64: { arch: "aarch64", machines: ["virt", "virt-2.6", "versatilepb"] },
  armv7l: { arch: "arm", machines: ["vexpress-a9", "virt"] },
  armv6l: { arch: "arm", machines: ["vexpress-a9", "virt"] },
  ppc64: { arch: "ppc64", machines: ["pseries"] },
  ppc64le: { arch: "ppc64", machines: ["pseries"] },
  ppc: { arch: "ppc", machines: ["ppce500"] },
  riscv32: { arch: "riscv32", machines: ["virt"] },
  riscv64: { arch: "riscv64", machines: ["virt"] },
  s390x: { arch: "s390x", machines: ["s390-ccw-virtio"] },
  sparc: { arch: "sparc", machines: ["SS-5"] },
};

/** The traits of a pretended binary that has these flags. */
export function pretended(
  arch: string,
  flags: ReadonlySet<string>,
  gicVersions: readonly string[],
): QemuTraits {
  const known = EMULATORS[arch];
  const [first] = known?.machines ?? [];
  return {
    arch,
    ...traitsOf(`/usr/bin/qemu-system-${known?.arch ?? arch}`, flags),
    machines: (known?.machines ?? []).map((name) => ({ name })),
    ...(first === undefined ? {} : { defaultMachine: first }),
    gicVersions: { kvm: gicVersions, qemu: gicVersions },
    hostModel: false,
  };
}

const recorded = new WeakMap<Corpus, Map<string, QemuTraits>>();

/** The traits of a real binary, as the corpus has recorded them. `version` may be `latest`. */
export function recordedTraits(corpus: Corpus, arch: string, version: string): QemuTraits {
  const file = version === "latest" ? latest(corpus, arch) : `caps_${version}.${arch}.xml`;
  const known = recorded.get(corpus) ?? new Map<string, QemuTraits>();
  recorded.set(corpus, known);
  const traits =
    known.get(file) ?? readTraits(corpus.read("qemucapabilitiesdata", file), version !== "latest");
  known.set(file, traits);
  return traits;
}

function latest(corpus: Corpus, arch: string): string {
  const numbers = (name: string) => (/_([\d.]+)\./.exec(name)?.[1] ?? "").split(".").map(Number);
  const value = (name: string) => numbers(name).reduce((sum, n) => sum * 1000 + n, 0);
  const names = corpus.list("qemucapabilitiesdata").filter((name) => name.endsWith(`.${arch}.xml`));
  return names.toSorted((a, b) => value(a) - value(b)).at(-1) ?? "";
}

/** In the tests the latest machines are called by their aliases, so that results do not change with every version. */
function readTraits(xml: string, withAliases: boolean): QemuTraits {
  const children = elementsOf(readXml(xml));
  const named = (name: string) => children.filter((child) => child.local === name);
  const cpuNames = new Map(
    named("cpu").map((cpu) => [
      `${attribute(cpu, "type")} ${attribute(cpu, "typename")}`,
      attribute(cpu, "name"),
    ]),
  );
  const machines = new Map<string, { name: string; alias?: string; defaultCpu: Record<string, string> }>();
  let defaultMachine: string | undefined;
  for (const machine of named("machine")) {
    const alias = withAliases ? attribute(machine, "alias") : undefined;
    const name = (withAliases ? undefined : attribute(machine, "alias")) ?? attribute(machine, "name") ?? "";
    const entry = machines.get(name) ?? { name, ...(alias === undefined ? {} : { alias }), defaultCpu: {} };
    machines.set(name, entry);
    const type = attribute(machine, "type");
    const cpu = cpuNames.get(`${type} ${attribute(machine, "defaultCPU")}`);
    if (cpu !== undefined) entry.defaultCpu[type === "kvm" ? "kvm" : "qemu"] = cpu;
    if (attribute(machine, "default") === "yes") defaultMachine ??= name;
  }
  const gic = (kind: "kernel" | "emulated") =>
    named("gic").flatMap((g) => (attribute(g, kind) === "yes" ? [attribute(g, "version") ?? ""] : []));
  return {
    arch: textOf(named("arch")[0]),
    ...traitsOf(
      textOf(named("emulator")[0]),
      new Set(named("flag").map((flag) => attribute(flag, "name") ?? "")),
    ),
    machines: [...machines.values()],
    ...(defaultMachine === undefined ? {} : { defaultMachine }),
    gicVersions: { kvm: gic("kernel"), qemu: gic("emulated") },
    hostModel: named("hostCPU").some((cpu) => attribute(cpu, "type") === "kvm"),
  };
}

function attribute(element: XmlElement, name: string): string | undefined {
  return element.attributes.find((a) => a.name === name)?.value;
}

function textOf(element: XmlElement | undefined): string {
  return (element?.children ?? [])
    .filter((child) => typeof child === "string")
    .join("")
    .trim();
}

/** PCI devices of the host that libvirt's tests pretend to have. */
export function pretendedHost(corpus: Corpus): HostDevices {
  const groups = new Map<string, number>();
  for (const line of corpus.has("virpcimock.c") ? corpus.read("virpcimock.c").split("\n") : []) {
    const found = /MAKE_PCI_DEVICE\("([^"]+)", \w+, \w+, (\d+)/.exec(line);
    if (found !== null) groups.set(found[1] ?? "", Number(found[2]));
  }
  const name = (a: Parameters<HostDevices["iommuGroup"]>[0]) => {
    const hex = (n: number, digits: number) => n.toString(16).padStart(digits, "0");
    return `${hex(a.domain, 4)}:${hex(a.bus, 2)}:${hex(a.slot, 2)}.${a.function}`;
  };
  return {
    iommuGroup: (address) => groups.get(name(address)),
    isExpress: (address) => {
      if (!groups.has(name(address))) return undefined;
      const file = `virpcitestdata/${name(address).replaceAll(":", "-")}.config`;
      return corpus.has(file) && hasExpressCapability(corpus.bytes(file));
    },
  };
}

/** Walks the list of capabilities in a device's configuration space. */
function hasExpressCapability(config: Uint8Array): boolean {
  const PCI_EXPRESS = 0x10;
  let at = config[0x34] ?? 0;
  for (let i = 0; i < 48 && at >= 0x40; i += 1) {
    if (config[at] === PCI_EXPRESS) return true;
    at = config[at + 1] ?? 0;
  }
  return false;
}
