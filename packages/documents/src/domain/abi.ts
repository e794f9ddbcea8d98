import type { Address } from "./devices/common.ts";
import { busOf } from "./devices/disk.ts";
import type { DomainDefinition } from "./model.ts";
import { without } from "./without.ts";

/** One thing that a guest would see change. */
export interface AbiDifference {
  /** The element: `devices/disk[vda]/target/@bus`. */
  readonly path: string;
  /** What each has; empty for nothing. */
  readonly from: string;
  readonly to: string;
}

/**
 * Everything that differs between two definitions and that the guest can see: a guest that migrates from `a`
 * to `b` must find the same hardware. Host sides (paths of images, networks, listen addresses, terminals), names
 * and titles may differ.
 */
export function compareAbi(a: DomainDefinition, b: DomainDefinition): readonly AbiDifference[] {
  const from = visible(a);
  const to = visible(b);
  return [...new Set([...from.keys(), ...to.keys()])].flatMap((path) => {
    const left = from.get(path) ?? "";
    const right = to.get(path) ?? "";
    return left === right ? [] : [{ path, from: left, to: right }];
  });
}

type Facts = Map<string, string>;

/** What the guest sees, as texts by path. Devices that have a name are found by it, so that their order may differ. */
function visible(definition: DomainDefinition): Facts {
  const facts: Facts = new Map();
  const { devices } = definition;
  machine(facts, definition);
  for (const disk of devices.disks) flatten(facts, `devices/disk[${disk.target.dev}]`, diskView(disk));
  numbered(facts, "controller", devices.controllers, (c) => {
    return [`${c.type},${c.index ?? 0}${usbFunction(c)}`, without(c, "alias", "index")];
  });
  numbered(facts, "interface", devices.interfaces, (nic, i) => [
    nic.mac?.address ?? String(i + 1),
    nicView(nic),
  ]);
  numbered(facts, "serial", devices.serials, (d, i) => [String(d.target?.port ?? i), guestSide(d)]);
  numbered(facts, "parallel", devices.parallels, (d, i) => [String(d.target?.port ?? i), guestSide(d)]);
  numbered(facts, "console", devices.consoles, (d, i) => [String(d.target?.port ?? i), guestSide(d)]);
  numbered(facts, "channel", devices.channels, (d, i) => {
    const seen = { target: without(d.target, "state") };
    return [d.target.name ?? String(i + 1), seen];
  });
  numbered(facts, "input", devices.inputs, (d, i) => [String(i + 1), without(d, "alias", "source")]);
  numbered(facts, "video", devices.videos, (d, i) => [String(i + 1), without(d, "alias")]);
  numbered(facts, "watchdog", devices.watchdogs, (d, i) => [String(i + 1), without(d, "alias")]);
  const balloons = devices.memballoons.filter((d) => d.model !== "none");
  numbered(facts, "memballoon", balloons, (d, i) => [String(i + 1), without(d, "alias", "stats")]);
  // Where random numbers come from is the host's business.
  numbered(facts, "rng", devices.rngs, (d, i) => [
    String(i + 1),
    { ...without(d, "alias"), backend: undefined },
  ]);
  numbered(facts, "panic", devices.panics, (d, i) => [String(i + 1), without(d, "alias")]);
  return facts;
}

function machine(facts: Facts, definition: DomainDefinition): void {
  const { os, vcpu, cpu, features, clock, pm } = definition;
  const { loader, nvram } = os;
  flatten(facts, "", {
    // A guest cannot tell QEMU's accelerators apart by its devices, but state cannot move between them.
    type: definition.type,
    uuid: definition.uuid,
    genid: definition.genid,
    maxMemory: definition.maxMemory,
    memory: definition.memory.bytes,
    vcpu: { count: vcpu.count, current: vcpu.current ?? vcpu.count },
    os: {
      type: os.type,
      loader:
        loader === undefined ? undefined : { type: loader.type ?? "rom", secure: loader.secure ?? false },
      nvram: nvram !== undefined,
      firmware: os.firmwareKind,
      smbios: os.smbios,
    },
    sysinfo: definition.sysinfo,
    features,
    cpu: cpu === undefined ? undefined : cpuView(cpu),
    clock: clock === undefined ? undefined : { timers: clock.timers },
    pm,
  });
}

function cpuView(cpu: NonNullable<DomainDefinition["cpu"]>): object {
  const features = Object.fromEntries(cpu.features.map((f) => [f.name, f.policy ?? "require"]));
  return { ...without(cpu, "check", "match"), features };
}

type Devices = DomainDefinition["devices"];

function diskView(disk: Devices["disks"][number]): object {
  const driver = disk.driver;
  return {
    device: disk.device,
    model: disk.model,
    bus: busOf(disk),
    rotationRate: disk.target.rotationRate,
    removable: disk.target.removable,
    readonly: disk.readonly === true || disk.device === "cdrom",
    serial: disk.serial,
    wwn: disk.wwn,
    vendor: disk.vendor,
    product: disk.product,
    blockio: disk.blockio,
    geometry: disk.geometry,
    queues: driver?.queues,
    queueSize: driver?.queueSize,
    iommu: driver?.iommu,
    ats: driver?.ats,
    packed: driver?.packed,
    address: addressView(disk.address),
  };
}

function nicView(nic: Devices["interfaces"][number]): object {
  const driver = nic.driver;
  return {
    model: nic.model,
    mtu: nic.mtu,
    queues: driver?.queues,
    rxQueueSize: driver?.rxQueueSize,
    txQueueSize: driver?.txQueueSize,
    rss: driver?.rss,
    offloads: { host: driver?.host, guest: driver?.guest },
    iommu: driver?.iommu,
    ats: driver?.ats,
    packed: driver?.packed,
    rom: nic.rom,
  };
}

function guestSide(device: Devices["serials"][number]): object {
  return { target: { type: device.target?.type, model: device.target?.model } };
}

/** Numbers left out of an address are 0. */
function addressView(address: Address | undefined): object | undefined {
  if (address?.type !== "pci" || address.slot === undefined) return address;
  return { domain: 0, bus: 0, function: 0, ...address };
}

/** The USB 2 controllers of ICH9 share an index. */
function usbFunction(controller: Devices["controllers"][number]): string {
  return controller.type === "usb" && controller.model?.startsWith("ich9-") === true
    ? `,${controller.model}`
    : "";
}

function numbered<D extends { readonly address?: Address }>(
  facts: Facts,
  name: string,
  list: readonly D[],
  view: (d: D, i: number) => readonly [string, object],
): void {
  for (const [i, device] of list.entries()) {
    const [key, seen] = view(device, i);
    flatten(facts, `devices/${name}[${key}]`, {
      present: true,
      ...seen,
      address: addressView(device.address),
    });
  }
}

function flatten(facts: Facts, path: string, value: unknown): void {
  if (value === undefined) return;
  if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value))
      flatten(facts, path === "" ? key : `${path}/${key}`, inner);
  } else {
    facts.set(path, `${value as string | number | bigint | boolean}`);
  }
}
