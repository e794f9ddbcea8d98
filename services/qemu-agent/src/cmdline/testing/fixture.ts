import { completeDomain } from "@virtmesh/documents/domain/complete";
import { parseDomain } from "@virtmesh/documents/domain/document";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { completeQemuDomain } from "@virtmesh/documents/domain/semantics/qemu/complete";
import type { QemuCapabilities } from "../../capabilities/model.ts";
import { traitsOf } from "../../capabilities/traits.ts";
import { buildCommandLine } from "../build.ts";
import type { Runtime } from "../runtime.ts";

/** QEMU 7.2 as Debian 12 has it, as far as the tests ask; without SPICE. */
export const CAPABILITIES: QemuCapabilities = {
  binary: "/usr/bin/qemu-system-x86_64",
  arch: "x86_64",
  version: { major: 7, minor: 2, micro: 22 },
  package: "Debian 1:7.2",
  machines: [
    { name: "pc-q35-7.2", alias: "q35", maxCpus: 288, deprecated: false, ramId: "pc.ram" },
    { name: "pc-q35-7.1", maxCpus: 288, deprecated: false, ramId: "pc.ram" },
    { name: "pc-i440fx-7.2", alias: "pc", maxCpus: 255, deprecated: false, ramId: "pc.ram" },
    { name: "microvm", maxCpus: 288, deprecated: false },
  ],
  devices: new Set([
    ...[
      "virtio-blk-pci",
      "virtio-blk-pci-non-transitional",
      "virtio-scsi-pci",
      "virtio-net-pci",
      "virtio-serial-pci",
    ],
    ...["virtio-rng-pci", "virtio-balloon-pci", "virtio-vga", "virtio-gpu-pci", "virtio-keyboard-pci"],
    ...[
      "scsi-hd",
      "scsi-cd",
      "ide-hd",
      "ide-cd",
      "usb-storage",
      "floppy",
      "ich9-ahci",
      "qemu-xhci",
      "piix3-usb-uhci",
    ],
    ...[
      "usb-tablet",
      "usb-kbd",
      "e1000e",
      "rtl8139",
      "isa-serial",
      "pci-serial",
      "virtserialport",
      "virtconsole",
    ],
    ...[
      "VGA",
      "cirrus-vga",
      "i6300esb",
      "ib700",
      "pvpanic",
      "pvpanic-pci",
      "pcie-root-port",
      "pcie-pci-bridge",
      "pci-bridge",
    ],
  ]),
  objects: new Set([
    ...["rng-random", "rng-builtin", "rng-egd", "iothread", "main-loop", "input-linux", "pr-manager-helper"],
    ...["memory-backend-ram", "memory-backend-file", "memory-backend-memfd", "secret", "tls-creds-x509"],
    ...["thread-context", "cryptodev-backend-builtin"],
  ]),
  netdevs: new Set(["user", "tap", "socket", "stream", "vhost-user", "vhost-vdpa"]),
  chardevs: new Set([
    "null",
    "vc",
    "pty",
    "file",
    "serial",
    "parallel",
    "pipe",
    "socket",
    "udp",
    "qemu-vdagent",
  ]),
  blockDrivers: new Set([
    ...[
      "file",
      "host_device",
      "host_cdrom",
      "raw",
      "qcow2",
      "qcow",
      "qed",
      "vmdk",
      "vdi",
      "vpc",
      "vhdx",
      "luks",
    ],
    ...["nbd", "iscsi", "rbd", "http", "https", "ftp", "ssh", "nvme", "vvfat", "copy-on-read"],
  ]),
  cpuModels: new Set(["qemu64", "Haswell", "max", "host"]),
  cpuFeatures: new Set(["vmx", "hle"]),
  options: new Set(["machine", "sandbox", "vnc"]),
  sandbox: true,
  accelerators: new Set(["kvm", "tcg"]),
};

export const RUNTIME: Runtime = {
  accelerator: "tcg",
  qmpFd: 3,
  directory: "/run/guest",
  incoming: false,
  taps: new Map(),
  vhost: false,
  vnc: new Map(),
  spice: new Map(),
  consoleSockets: new Map(),
  secondNodes: new Set(),
  utcOffsetMs: 0,
  startTimeMs: Date.UTC(2026, 0, 2, 3, 4, 5),
  tls: {},
  sasl: new Set(),
  passwords: new Set(),
  hugepages: [],
  memoryDirectory: "/var/lib/memory",
  handed: new Map(),
  isHostCdrom: () => false,
  scsiGeneric: () => undefined,
  allowPassthrough: false,
};

/** A guest on q35 with these children of its root and these devices. */
export function guest(inside = "", devices = "", machine = "q35"): IdentifiedDomain {
  const parsed = parseDomain(`<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
      <name>g</name>
      <uuid>3c7f2a4e-9d0b-4f63-8a56-0d0f3b9f6b11</uuid>
      <memory unit='MiB'>64</memory>
      ${inside.includes("<os") ? "" : `<os><type machine='${machine}'>hvm</type></os>`}
      ${inside}
      <devices>${devices}</devices>
    </domain>`);
  const traits = traitsOf(CAPABILITIES);
  return completeDomain(completeQemuDomain(parsed, { traits, newDomain: true })).definition;
}

export function argv(definition: IdentifiedDomain, runtime: Partial<Runtime> = {}): readonly string[] {
  return buildCommandLine(definition, CAPABILITIES, { ...RUNTIME, ...runtime });
}

/** Every value of an argument: `["-m", "size=65536k"]` has `size=65536k` for `-m`. */
export function valuesOf(list: readonly string[], name: string): readonly string[] {
  return list.flatMap((argument, i) => (list[i - 1] === name ? [argument] : []));
}

type Json = Readonly<Record<string, unknown>>;

/** The JSON values of an argument. */
export function objectsOf(list: readonly string[], name: string): readonly Json[] {
  return valuesOf(list, name)
    .filter((value) => value.startsWith("{"))
    .map((value) => JSON.parse(value) as Json);
}

/** The device with that id. */
export function device(list: readonly string[], id: string): Json | undefined {
  return objectsOf(list, "-device").find((d) => d["id"] === id);
}
