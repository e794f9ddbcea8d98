import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import type { MachineType, QemuCapabilities } from "../capabilities/model.ts";
import { unsupported } from "./arguments.ts";
import type { Board } from "./pci.ts";

/**
 * The versioned machine type that a definition names or means (`q35` is the newest q35 of this QEMU, nothing is
 * the newest `pc`). A persistent definition should have it written down, so that an upgrade of QEMU or a
 * migration does not change the guest's hardware.
 * @throws CONFIG_UNSUPPORTED
 */
export function machineOf({ os }: DomainDefinition, capabilities: QemuCapabilities): MachineType {
  const { arch, machine = "pc" } = os.type;
  // A 64-bit machine runs 32-bit guests; what they must not see, their CPU model leaves out.
  const runs = arch === capabilities.arch || (arch === "i686" && /^(?:x86_64|i386)$/.test(capabilities.arch));
  if (arch !== undefined && !runs) {
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
  const type = { ...definition.os.type, arch: definition.os.type.arch ?? capabilities.arch, machine };
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
