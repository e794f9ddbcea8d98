import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import type { MachineType, QemuCapabilities } from "../capabilities/model.ts";
import { unsupported } from "./arguments.ts";
import type { BuildContext } from "./context.ts";
import type { Board } from "./pci.ts";

/**
 * The versioned machine type that a definition names or means (`q35` is the newest q35 of this QEMU, nothing is
 * the newest `pc`). A persistent definition should have it written down, so that an upgrade of QEMU or a
 * migration does not change the guest's hardware.
 * @throws CONFIG_UNSUPPORTED
 */
export function machineOf({ os }: DomainDefinition, capabilities: QemuCapabilities): MachineType {
  const { arch, machine = "pc" } = os.type;
  if (arch !== undefined && arch !== capabilities.arch) {
    throw unsupported(
      "os/type/@arch",
      `${capabilities.binary} runs ${capabilities.arch} guests, not ${arch}`,
    );
  }
  const found = capabilities.machines.find((m) => m.name === machine || m.alias === machine);
  if (found === undefined) {
    throw unsupported("os/type/@machine", `${capabilities.binary} has no machine type "${machine}"`);
  }
  return found;
}

/** The same definition with its architecture and versioned machine type written down. */
export function withMachine<D extends DomainDefinition>(definition: D, capabilities: QemuCapabilities): D {
  const machine = machineOf(definition, capabilities).name;
  const type = { ...definition.os.type, arch: capabilities.arch, machine };
  return { ...definition, os: { ...definition.os, type } };
}

/** @throws CONFIG_UNSUPPORTED for boards whose devices are not known here. */
export function boardOf(machine: MachineType): Board {
  if (machine.name.startsWith("pc-q35-")) return "q35";
  if (machine.name.startsWith("pc-i440fx-")) return "pc";
  throw unsupported(
    "os/type/@machine",
    `the machine type "${machine.name}" is not known to this agent, use q35 or pc`,
  );
}

/** -machine, -accel, memory, processors and identity. */
export function machineArguments(c: BuildContext): void {
  const { definition, capabilities, args } = c;
  const machine = machineOf(definition, capabilities);
  const { features, os } = definition;
  const hpet = definition.clock?.timers.find((t) => t.name === "hpet")?.present;
  args.options("-machine", machine.name, {
    usb: false,
    "dump-guest-core": definition.memory.dumpCore ?? false,
    acpi: features?.acpi === true ? undefined : false,
    vmport: features?.vmport === undefined ? undefined : (features.vmport.state ?? true),
    smm: features?.smm === undefined ? undefined : (features.smm.state ?? true),
    hpet,
    ...(usesFlash(c) ? { pflash0: "pflash0-format" } : {}),
    ...(usesFlash(c) && hasVariables(c) ? { pflash1: "pflash1-format" } : {}),
  });
  accelerator(c);
  memoryArguments(c);
  smpArguments(c, machine);
  args.flag("-uuid", definition.uuid);
  if (os.smbios !== undefined && os.smbios !== "emulate") {
    throw unsupported("os/smbios", `SMBIOS mode ${os.smbios} is not supported`);
  }
}

function accelerator({ definition, capabilities, runtime, args }: BuildContext): void {
  if (definition.type !== "kvm" && definition.type !== "qemu") {
    throw unsupported("@type", `a guest of type ${definition.type} is not one of QEMU`);
  }
  if (definition.type === "qemu" && runtime.accelerator === "kvm") {
    throw unsupported("@type", "a guest of type qemu runs without KVM, use type kvm");
  }
  if (!capabilities.accelerators.has(runtime.accelerator)) {
    throw unsupported("@type", `the accelerator ${runtime.accelerator} does not work on this host`);
  }
  args.flag("-accel", runtime.accelerator);
}

function memoryArguments({ definition, args }: BuildContext): void {
  const kib = (bytes: bigint) => `${bytes / 1024n}k`;
  const { memory, maxMemory } = definition;
  if (maxMemory === undefined) args.options("-m", undefined, { size: kib(memory.bytes) });
  else
    args.options("-m", undefined, {
      size: kib(memory.bytes),
      slots: maxMemory.slots,
      maxmem: kib(maxMemory.bytes),
    });
}

function smpArguments({ definition, args }: BuildContext, machine: MachineType): void {
  const { count, current, cpuset } = definition.vcpu;
  if (count > machine.maxCpus) {
    throw unsupported("vcpu", `${machine.name} has at most ${machine.maxCpus} virtual CPUs, not ${count}`);
  }
  if (cpuset !== undefined) throw unsupported("vcpu/@cpuset", "pinning to CPUs of the host is not supported");
  const topology = definition.cpu?.topology;
  if ((topology?.clusters ?? 1) !== 1) throw unsupported("cpu/topology/@clusters", "x86 has no clusters");
  if (topology !== undefined) {
    const { sockets, dies = 1, cores, threads } = topology;
    const inAll = sockets * dies * cores * threads;
    if (inAll !== count)
      throw unsupported("cpu/topology", `a topology of ${inAll} threads does not fit ${count} virtual CPUs`);
  }
  args.options("-smp", String(current ?? count), {
    maxcpus: current === undefined || current === count ? undefined : count,
    sockets: topology?.sockets ?? count,
    dies: topology?.dies,
    cores: topology?.cores ?? 1,
    threads: topology?.threads ?? 1,
  });
}

/** UEFI as flash chips: named in the definition, or chosen by the agent for `firmware="efi"`. */
export function usesFlash({ definition, runtime }: BuildContext): boolean {
  const { loader, firmwareKind } = definition.os;
  return (
    loader?.type === "pflash" ||
    (firmwareKind === "efi" && loader === undefined && runtime.firmware !== undefined)
  );
}

export function hasVariables({ definition, runtime }: BuildContext): boolean {
  return (
    definition.os.nvram !== undefined ||
    (definition.os.loader === undefined && runtime.firmware !== undefined)
  );
}
