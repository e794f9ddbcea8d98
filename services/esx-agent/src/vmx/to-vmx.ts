import type { Graphics } from "@virtmesh/documents/domain/devices/graphics";
import { diffDomains } from "@virtmesh/documents/domain/diff";
import { parseDomain } from "@virtmesh/documents/domain/document";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { numbersOf } from "@virtmesh/documents/domain/number-sets";
import { hasCpusToCome, keptPairs } from "../definition/kept.ts";
import { datastorePath } from "./datastore-paths.ts";
import { definitionOfVmx, SHARES } from "./from-vmx.ts";
import { escapedName, formatVmx, type Pair, VmxSettings } from "./settings.ts";
import { cardSettings } from "./to-cards.ts";
import { spacedUuid } from "./spaced-uuid.ts";
import { driveSettings, hasDisks, withAddresses } from "./to-drives.ts";
import { filesystemSettings, portSettings } from "./to-ports.ts";
import { unsupported } from "./unsupported.ts";

const MIB = 1n << 20n;
const MEMORY_STEP = 4n * MIB;
const VRAM_KIB = 4096;
/** Since this version of the hardware there are bridges, and a line to the host. */
const HARDWARE_WITH_BRIDGES = 7;
const BRIDGES = [4, 5, 6, 7];

/**
 * A .vmx file for a version of the virtual hardware out of a libvirt document. @throws XML_*, CONFIG_UNSUPPORTED with the place
 * of what a .vmx file has no word for
 */
export function toVmx(xml: string, hardwareVersion: number): string {
  const definition = withAddresses(parseDomain(xml));
  if (definition.type !== "vmware")
    throw unsupported(
      `guest "${definition.name}" is of the type ${definition.type}, and a .vmx file is for guests of vmware`,
      "type",
    );
  const text = formatVmx(settingsOf(definition, hardwareVersion));
  checkNothingIsLost(definition, text);
  return text;
}

/** What does not come back when the file is read has not been said in it. */
function checkNothingIsLost(given: DomainDefinition, text: string): void {
  const places = { folder: "", nameOf: (volume: string) => volume };
  const reading = { pathOf: (fileName: string) => datastorePath(fileName, places) };
  const kept = definitionOfVmx(VmxSettings.read(text), reading);
  const [lost] = diffDomains(kept, inFile(given), { leavesOpen: true });
  if (lost === undefined) return;
  const value = lost.to === "" ? "" : ` (${lost.to})`;
  throw unsupported(
    `a .vmx file cannot say ${lost.path} of guest "${given.name}"${value}; leave it out of the definition`,
    lost.path,
  );
}

/** What of it is a file's to say: not where in a vCenter the guest stands, nor what is so of every guest of vmware. */
function inFile(definition: DomainDefinition): DomainDefinition {
  const { vmwareDatacenterpath: _, vmwareMoref: __, ...rest } = definition;
  const { machine, ...type } = rest.os.type;
  return {
    ...rest,
    memory: { ...rest.memory, bytes: memoryOf(rest) },
    os: { ...rest.os, type: machine === "pc" ? type : rest.os.type },
    devices: {
      ...rest.devices,
      // Those without disks are written, and libvirt does not read them.
      controllers: rest.devices.controllers.filter((each) => hasDisks(rest, each)),
      memballoons: rest.devices.memballoons.filter(({ model }) => model !== "none"),
    },
  };
}

function settingsOf(definition: DomainDefinition, hardwareVersion: number): readonly Pair[] {
  const { name, description, os, devices } = definition;
  return [
    [".encoding", "UTF-8"],
    ["config.version", "8"],
    ["virtualHW.version", String(hardwareVersion)],
    ["guestOS", os.type.arch === "x86_64" ? "other-64" : "other"],
    ...(os.smbios === "host" ? [["smbios.reflecthost", "true"] as const] : []),
    uuidSetting(definition),
    ["displayName", escapedName(name)],
    ...genidSettings(definition),
    ...(description === undefined ? [] : [["annotation", description] as const]),
    ...keptPairs(definition).filter(([, value]) => value !== ""),
    ...memorySettings(definition),
    ...cpuSettings(definition),
    ...devices.graphics.flatMap(graphicsSettings),
    ...driveSettings(definition),
    ...filesystemSettings(devices.filesystems),
    ...cardSettings(devices.interfaces, hardwareVersion),
    ...screenSettings(definition),
    ...portSettings(devices),
    ...(os.firmwareKind === "efi" ? [["firmware", "efi"] as const] : []),
    ...(hardwareVersion >= HARDWARE_WITH_BRIDGES ? bridgeSettings(definition) : []),
  ];
}

function uuidSetting({ uuid }: DomainDefinition): Pair {
  return uuid === undefined ? ["uuid.action", "create"] : ["uuid.bios", spacedUuid(uuid)];
}

function genidSettings({ genid }: DomainDefinition): readonly Pair[] {
  if (genid?.uuid === undefined) return [];
  const hex = genid.uuid.replaceAll("-", "");
  const half = (from: number): string => String(BigInt.asIntN(64, BigInt(`0x${hex.slice(from, from + 16)}`)));
  return [
    ["vm.genid", half(0)],
    ["vm.genidX", half(16)],
  ];
}

function memorySettings(definition: DomainDefinition): readonly Pair[] {
  const most = memoryOf(definition);
  const current = definition.currentMemory?.bytes ?? definition.memory.bytes;
  const least = definition.memtune?.minGuarantee ?? 0n;
  return [
    ["memsize", inMib(most)],
    ...(current < most ? [["sched.mem.max", inMib(current)] as const] : []),
    ...(least > 0n ? [["sched.mem.minsize", inMib(least)] as const] : []),
  ];
}

/** Memory comes in steps; the next one is taken. */
function memoryOf({ memory }: DomainDefinition): bigint {
  return ((memory.bytes + MEMORY_STEP - 1n) / MEMORY_STEP) * MEMORY_STEP;
}

function inMib(bytes: bigint): string {
  return String((bytes + MIB - 1n) / MIB);
}

function cpuSettings(definition: DomainDefinition): readonly Pair[] {
  const { name, vcpu, cpu, cputune } = definition;
  const cpus = vcpu.current ?? vcpu.count;
  const { topology } = cpu ?? {};
  const affinity = vcpu.cpuset === undefined ? [] : numbersOf(vcpu.cpuset);
  if (affinity.length > 0 && affinity.length < cpus)
    throw unsupported(
      `guest "${name}" must be bound to as many CPUs of the host as the ${cpus} that it has`,
      "vcpu/cpuset",
    );
  const { shares } = cputune ?? {};
  const [word] = Object.entries(SHARES).find(([, each]) => each * BigInt(cpus) === shares) ?? [];
  return [
    ["numvcpus", String(cpus)],
    ...(hasCpusToCome(definition) ? [["vcpu.hotadd", "TRUE"] as const] : []),
    ...(topology === undefined ? [] : [["cpuid.coresPerSocket", String(topology.cores)] as const]),
    ...(affinity.length === 0 ? [] : [["sched.cpu.affinity", affinity.join(",")] as const]),
    ...(shares === undefined ? [] : [["sched.cpu.shares", word ?? String(shares)] as const]),
  ];
}

function graphicsSettings(graphics: Graphics): readonly Pair[] {
  if (graphics.type !== "vnc")
    throw unsupported(`a .vmx file has screens over VNC, and not over ${graphics.type}`, "devices/graphics");
  const { port = -1, autoport = false, keymap, passwd, listens } = graphics;
  const address = listens.flatMap((each) => (each.type === "address" ? (each.address ?? []) : []))[0];
  const set = (part: string, value: string | undefined): readonly Pair[] =>
    value === undefined ? [] : [[`RemoteDisplay.vnc.${part}`, value]];
  return [
    ...set("enabled", "true"),
    ...set("port", autoport || port < 0 ? undefined : String(port)),
    ...set("ip", address ?? graphics.listen),
    ...set("keymap", keymap),
    ...set("password", passwd),
  ];
}

function screenSettings({ devices }: DomainDefinition): readonly Pair[] {
  const [video] = devices.videos;
  if (video === undefined && devices.graphics.length === 0) return [];
  // Windows takes multiples of 64 KiB only (VMware's KB 1003).
  const kib = Math.ceil((video?.model?.vram ?? VRAM_KIB) / 64) * 64;
  return [["svga.vramSize", String(kib * 1024)]];
}

function bridgeSettings({ devices }: DomainDefinition): readonly Pair[] {
  const hasScsi = devices.disks.some((disk) => disk.target.bus === "scsi");
  const bridges = BRIDGES.flatMap((number): readonly Pair[] => [
    [`pciBridge${number}.present`, "true"],
    [`pciBridge${number}.virtualDev`, "pcieRootPort"],
    [`pciBridge${number}.functions`, "8"],
  ]);
  return [
    ...(hasScsi ? [["pciBridge0.present", "true"] as const, ...bridges] : []),
    ["vmci0.present", "true"],
  ];
}
