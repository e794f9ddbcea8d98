import { unsupported } from "./arguments.ts";
import type { BuildContext, DeviceContext } from "./context.ts";
import { audioOf } from "./audios.ts";
import { confidentialGuest } from "./launch-security.ts";
import { machineOf } from "./machine-types.ts";
import { mainMemoryId } from "./memory.ts";
import { enclaveOptions } from "./memory-devices.ts";
import { hasHmat } from "./numa.ts";

/** -machine, -accel and identity. */
export function machineArguments(c: BuildContext): void {
  const { definition, capabilities, args } = c;
  const machine = machineOf(definition, capabilities);
  const { features, devices, os } = definition;
  const hpet = definition.clock?.timers.find((t) => t.name === "hpet")?.present;
  const speaker = devices.sounds.find((sound) => sound.model === "pcspk");
  args.options("-machine", machine.name, {
    usb: false,
    "dump-guest-core": definition.memory.dumpCore ?? false,
    "mem-merge": definition.memoryBacking?.nosharepages === true ? false : undefined,
    "memory-backend": mainMemoryId(c),
    acpi: features?.acpi === true ? undefined : false,
    vmport: features?.vmport === undefined ? undefined : (features.vmport.state ?? true),
    smm: features?.smm === undefined ? undefined : (features.smm.state ?? true),
    i8042: features?.ps2?.state === false ? false : undefined,
    "kernel-irqchip": features?.ioapic === undefined ? undefined : features.ioapic === "kvm" ? "on" : "split",
    hpet,
    nvdimm: devices.memories.some((m) => m.model === "nvdimm") ? true : undefined,
    hmat: definition.cpu?.numa !== undefined && hasHmat(definition.cpu.numa) ? true : undefined,
    "confidential-guest-support": confidentialGuest(c),
    "pcspk-audiodev": speaker === undefined ? undefined : audioOf(c, speaker.audio),
    // Without a screen the firmware speaks on the first serial port.
    graphics: os.bios?.useserial === true ? false : undefined,
    ...(usesFlash(c) ? { pflash0: "pflash0-format" } : {}),
    ...(usesFlash(c) && hasVariables(c) ? { pflash1: "pflash1-format" } : {}),
    ...enclaveOptions(c),
  });
  accelerator(c);
  args.flag("-uuid", definition.uuid);
}

function accelerator({ definition, capabilities, runtime, args }: BuildContext): void {
  const { type, features } = definition;
  if (type !== "kvm" && type !== "qemu") {
    throw unsupported("@type", `a guest of type ${type} is not one of QEMU`);
  }
  if (type === "qemu" && runtime.accelerator === "kvm") {
    throw unsupported("@type", "a guest of type qemu runs without KVM, use type kvm");
  }
  if (!capabilities.accelerators.has(runtime.accelerator)) {
    throw unsupported("@type", `the accelerator ${runtime.accelerator} does not work on this host`);
  }
  const { tcg, kvm } = features ?? {};
  const ring = kvm?.dirtyRing?.state === false ? undefined : kvm?.dirtyRing?.size;
  args.options("-accel", runtime.accelerator, {
    "tb-size": runtime.accelerator === "tcg" && tcg?.tbCache !== undefined ? tcg.tbCache / MIB : undefined,
    "dirty-ring-size": runtime.accelerator === "kvm" ? ring : undefined,
  });
}

const MIB = 1024n * 1024n;

/** Whether the firmware is in flash chips, as UEFI is. */
export function usesFlash({ definition }: DeviceContext): boolean {
  return definition.os.loader?.type === "pflash";
}

/** Whether the guest keeps variables of UEFI, in a copy of its own. */
export function hasVariables({ definition }: DeviceContext): boolean {
  return definition.os.loader?.stateless !== true && definition.os.nvram !== undefined;
}
