import type { DomainDefinition } from "../model.ts";
import type { HypervisorRules } from "./common/complete.ts";
import { completeDraft } from "./common/complete.ts";
import { draftOf } from "./draft.ts";
import { refuse } from "./refuse.ts";
import type { DevicesDraft, DomainDraft, Walked } from "./walk.ts";

export interface XenCompletion {
  readonly inactive?: boolean;
}

const MACHINES: Readonly<Record<string, string>> = { hvm: "xenfv", linux: "xenpv", xenpvh: "xenpvh" };

const MIB = 1n << 20n;

/** Writes down what a definition means for Xen. @throws XML_INVALID, CONFIG_UNSUPPORTED */
export function completeXenDomain(
  definition: DomainDefinition,
  { inactive = true }: XenCompletion = {},
): DomainDefinition {
  const draft = draftOf(definition);
  const rules: HypervisorRules = { machine: completeMachine, device: completeDevice };
  completeDraft(draft, rules, { newDomain: false, inactive });
  return draft;
}

function completeMachine(draft: DomainDraft): void {
  const { os, devices } = draft;
  if (draft.type !== "xen")
    refuse("@type", `Xen runs guests of the type xen, not ${draft.type}`, "CONFIG_UNSUPPORTED");
  // That of a paravirtualised guest has two names; libvirt writes this one.
  if (os.type.kind === "xen") os.type.kind = "linux";
  const machine = MACHINES[os.type.kind];
  if (machine === undefined)
    refuse(
      "os/type",
      `Xen runs guests of the kind hvm, linux and xenpvh, not ${os.type.kind}`,
      "CONFIG_UNSUPPORTED",
    );
  os.type.arch ??= "x86_64";
  os.type.machine ??= machine;
  roundMemory(draft);
  if (os.type.kind === "hvm") completeFeatures(draft);
  else if (devices.consoles.length === 0)
    devices.consoles.push({ type: "pty", target: { type: "xen", port: 0 } });
  const bus = os.type.kind === "hvm" ? "ps2" : "xen";
  for (const type of ["mouse", "keyboard"] as const)
    if (!devices.inputs.some((input) => input.type === type && input.bus === bus))
      devices.inputs.push({ type, bus });
  if (devices.memballoons.length === 0) devices.memballoons.push({ model: "xen" });
  if (!devices.controllers.some(({ type }) => type === "xenbus"))
    devices.controllers.push({ type: "xenbus", index: 0 });
}

/** Xen gives memory in whole MiB. */
function roundMemory({ memory, currentMemory }: DomainDraft): void {
  for (const amount of [memory, currentMemory])
    if (amount !== undefined) amount.bytes = ((amount.bytes + MIB - 1n) / MIB) * MIB;
}

/** What a PC with 64 bits cannot be without; the nodes of memory are told to it by ACPI. */
function completeFeatures(draft: DomainDraft): void {
  if (draft.os.type.arch !== "x86_64") return;
  draft.features = { ...draft.features, pae: true };
  if ((draft.cpu?.numa?.cells.length ?? 0) > 0) draft.features.acpi = true;
}

function completeDevice(draft: DomainDraft, { list, device }: Walked): void {
  const isPv = draft.os.type.kind !== "hvm";
  switch (list) {
    case "consoles":
      if (isPv) device.target = { ...device.target, type: device.target?.type ?? "xen" };
      break;
    case "hostdevs":
      if (device.type === "pci") device.driver = { ...device.driver, name: device.driver?.name ?? "xen" };
      break;
    case "interfaces":
      if (device.type === "hostdev") device.driver = { ...device.driver, name: device.driver?.name ?? "xen" };
      break;
    case "videos":
      completeVideo(device, isPv);
      break;
    case "disks":
      device.driver = {
        ...device.driver,
        ...(device.type === "network" ? { name: device.driver?.name ?? "qemu" } : {}),
        type: device.driver?.type ?? "raw",
      };
      break;
    default:
      break;
  }
}

/** KiB that the device model gives a screen. */
const VIDEO_MEMORY: Readonly<Record<string, number>> = { vga: 16384, xen: 16384, cirrus: 8192, qxl: 131072 };

function completeVideo(video: DevicesDraft["videos"][number], isPv: boolean): void {
  const type = video.model?.type ?? "default";
  video.model = { ...video.model, type: type !== "default" ? type : isPv ? "xen" : "cirrus" };
  const memory = VIDEO_MEMORY[video.model.type];
  if (!isPv && memory !== undefined) video.model.vram ||= memory;
}
