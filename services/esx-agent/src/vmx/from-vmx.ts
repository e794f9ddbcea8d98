import { type DomainUuid, domainUuid, parseUuid } from "@virtmesh/core/ids";
import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import type { Graphics } from "@virtmesh/documents/domain/devices/graphics";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { rangesOf } from "@virtmesh/documents/domain/number-sets";
import { keptBeside } from "../definition/kept.ts";
import { cardsOf } from "./from-cards.ts";
import { drivesOf } from "./from-drives.ts";
import { filesystemsOf, portsOf } from "./from-ports.ts";
import { unescapedName, VmxSettings } from "./settings.ts";

/** What is known beside the .vmx file. */
export interface VmxReading {
  /** What libvirt's documents call a file that the .vmx file names; undefined when it is not there. */
  pathOf(fileName: string): string | undefined;
  /** Of a vCenter: folders and datacenter of the guest. */
  readonly datacenterPath?: string;
}

/** The version of the file's form; there is no other. */
const CONFIG_VERSION = 8n;
const OLDEST_HARDWARE = 4n;
const NO_UUID = domainUuid("00000000-0000-0000-0000-000000000000");
const MEMORY_MIB = 32n;
const VRAM_BYTES = 4n << 20n;

/**
 * A libvirt document out of a .vmx file. A .vmx file says much that libvirt's documents have no word for (scripts, swap
 * files, identities of snapshots); that is left out. @throws CONFIG_INVALID with the line of what is wrong
 */
export function fromVmx(text: string, reading: VmxReading): string {
  return formatDomain(definitionOfVmx(VmxSettings.read(text), reading), { inactive: true, secure: true });
}

export function definitionOfVmx(vmx: VmxSettings, reading: VmxReading): DomainDefinition {
  if (vmx.integer("config.version") !== CONFIG_VERSION)
    throw vmx.wrong("config.version", `must be "${CONFIG_VERSION}"`);
  if ((vmx.integer("virtualHW.version") ?? 0n) < OLDEST_HARDWARE)
    throw vmx.wrong("virtualHW.version", `must be "${OLDEST_HARDWARE}" or higher`);
  const name = unescapedName(vmx.needed("displayName", "the name of the guest"));
  const description = vmx.text("annotation");
  const genid = genidOf(vmx);
  const base = parseDomain(skeleton(vmx));
  const beside = keptBeside((key) => vmx.text(key), base.vcpu.count);
  const { serials, consoles, parallels } = portsOf(vmx, reading);
  return {
    ...base,
    name,
    uuid: uuidOf(vmx),
    ...(genid === undefined ? {} : { genid: { uuid: genid } }),
    ...beside,
    vcpu: { ...base.vcpu, ...beside.vcpu },
    ...(description === undefined ? {} : { description }),
    ...(reading.datacenterPath === undefined ? {} : { vmwareDatacenterpath: reading.datacenterPath }),
    devices: {
      ...base.devices,
      ...drivesOf(vmx, reading),
      filesystems: filesystemsOf(vmx),
      interfaces: cardsOf(vmx),
      ...{ serials, parallels, consoles },
      graphics: graphicsOf(vmx),
    },
  };
}

/** All that is numbers and a few words. */
function skeleton(vmx: VmxSettings): string {
  const cpus = cpusOf(vmx);
  const arch = vmx.word("guestOS")?.endsWith("-64") === true ? "x86_64" : "i686";
  const vram = (vmx.integer("svga.vramSize") ?? VRAM_BYTES) + 1023n;
  return `<domain type="vmware">
  <name>unnamed</name>
  ${memoryOf(vmx)}
  ${cpus.vcpu}
  <os${firmwareOf(vmx)}><type arch="${arch}">hvm</type>${vmx.flag("smbios.reflecthost") ? '<smbios mode="host"/>' : ""}</os>
  ${cpus.topology}
  <clock offset="utc"/>
  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>
  <devices><video><model type="vmvga" vram="${vram / 1024n}" primary="yes"/></video></devices>
</domain>`;
}

function memoryOf(vmx: VmxSettings): string {
  const memory = vmx.integer("memsize") ?? MEMORY_MIB;
  if (memory <= 0n || memory % 4n !== 0n) throw vmx.wrong("memsize", "must be a multiple of 4");
  const within = (mib: bigint): bigint => (mib > memory ? memory : mib);
  const most = vmx.integer("sched.mem.max") ?? memory;
  const least = vmx.integer("sched.mem.minsize") ?? 0n;
  return `<memory unit="MiB">${memory}</memory>
  <currentMemory unit="MiB">${most < 0n ? memory : within(most)}</currentMemory>
  ${least > 0n ? `<memtune><min_guarantee unit="MiB">${within(least)}</min_guarantee></memtune>` : ""}`;
}

function cpusOf(vmx: VmxSettings): { readonly vcpu: string; readonly topology: string } {
  const count = vmx.integer("numvcpus") ?? 1n;
  if (count <= 0n) throw vmx.wrong("numvcpus", "must be greater than 0");
  const cores = vmx.integer("cpuid.coresPerSocket") ?? 1n;
  if (cores > count) throw vmx.wrong("cpuid.coresPerSocket", `is more than the ${count} CPUs there are`);
  const topology = `<topology sockets="${count / (cores < 1n ? 1n : cores)}" dies="1" cores="${cores}" threads="1"/>`;
  const shares = sharesOf(vmx, count);
  return {
    vcpu: `<vcpu placement="static"${affinityOf(vmx, count)}>${count}</vcpu>
  ${shares === undefined ? "" : `<cputune><shares>${shares}</shares></cputune>`}`,
    topology: cores > 1n ? `<cpu>${topology}</cpu>` : "",
  };
}

function affinityOf(vmx: VmxSettings, count: bigint): string {
  const affinity = vmx.word("sched.cpu.affinity");
  if (affinity === undefined || affinity === "all") return "";
  const cpus = affinity.split(",").map((each) => each.trim());
  if (!cpus.every((each) => /^\d{1,4}$/.test(each)))
    throw vmx.wrong("sched.cpu.affinity", "must be numbers of CPUs, separated by commas");
  if (cpus.length < count) throw vmx.wrong("sched.cpu.affinity", `must name as many as the ${count} CPUs`);
  return ` cpuset="${rangesOf(cpus.map(Number).sort((a, b) => a - b))}"`;
}

/** For each CPU, as vSphere counts them (vSphere API, SharesLevel). */
export const SHARES: Readonly<Record<string, bigint>> = { low: 500n, normal: 1000n, high: 2000n };

function sharesOf(vmx: VmxSettings, count: bigint): bigint | undefined {
  const word = vmx.word("sched.cpu.shares");
  if (word === undefined) return undefined;
  const each = SHARES[word];
  if (each !== undefined) return each * count;
  if (/^\d{1,9}$/.test(word)) return BigInt(word);
  throw vmx.wrong("sched.cpu.shares", 'must be "low", "normal", "high" or a number');
}

function firmwareOf(vmx: VmxSettings): string {
  const firmware = vmx.word("firmware") ?? "bios";
  if (firmware !== "efi" && firmware !== "bios") throw vmx.wrong("firmware", 'must be "efi" or "bios"');
  return firmware === "efi" ? ' firmware="efi"' : "";
}

/** Sixteen numbers in hexadecimal, in two halves: `56 4d 9b ef ac d9 b4 e0-c8 f0 ae a8 b9 10 35 15`. */
export function uuidOf(vmx: VmxSettings): DomainUuid {
  const text = vmx.text("uuid.bios");
  if (text === undefined) return NO_UUID;
  const uuid = parseUuid(text.replaceAll(/[ -]/g, ""));
  if (uuid === undefined) throw vmx.wrong("uuid.bios", "is no UUID");
  return domainUuid(uuid);
}

/** Two numbers of 64 bits, with a sign. */
function genidOf(vmx: VmxSettings): string | undefined {
  const halves = ["vm.genid", "vm.genidX"].map((name) => vmx.integer(name) ?? 0n);
  if (halves.every((half) => half === 0n)) return undefined;
  const hex = halves.map((half) => BigInt.asUintN(64, half).toString(16).padStart(16, "0")).join("");
  return parseUuid(hex);
}

function graphicsOf(vmx: VmxSettings): readonly Graphics[] {
  const vnc = (name: string): string => `RemoteDisplay.vnc.${name}`;
  if (!vmx.flag(vnc("enabled"))) return [];
  const port = vmx.integer(vnc("port")) ?? -1n;
  const address = vmx.text(vnc("ip"));
  const keymap = vmx.text(vnc("keymap"));
  const passwd = vmx.text(vnc("password"));
  return [
    {
      ...{ type: "vnc", port: Number(port), autoport: port < 0n },
      ...(address === undefined ? {} : { listen: address }),
      ...(keymap === undefined ? {} : { keymap }),
      ...(passwd === undefined ? {} : { passwd }),
      listens: [{ type: "address", ...(address === undefined ? {} : { address }) }],
    },
  ];
}
