import type { QemuTraits } from "@virtmesh/documents/domain/semantics/qemu/traits";
import type { QemuCapabilities } from "./model.ts";

/** What the meaning of a definition depends on of the binary that runs it. */
export function traitsOf({ binary, arch, devices, machines }: QemuCapabilities): QemuTraits {
  const x86 = arch === "x86_64" || arch === "i386";
  const preferred = x86 ? machines.find((m) => m.alias === "pc") : undefined;
  return {
    arch: arch === "i386" ? "i686" : arch,
    emulator: binary,
    devices,
    machines: machines.map(({ name, alias, defaultCpu }) => ({
      name,
      ...(alias === undefined ? {} : { alias }),
      ...(defaultCpu === undefined ? {} : { defaultCpu: { kvm: defaultCpu, qemu: defaultCpu } }),
    })),
    ...(preferred === undefined ? {} : { defaultMachine: preferred.name }),
    // QEMU has both since before 7.2, the oldest that this agent runs.
    cpuMigratable: x86,
    vfioDisplay: devices.has("vfio-pci"),
    gicVersions: { kvm: [], qemu: [] },
    hostModel: true,
  };
}
