import type { Controller } from "../devices/controller.ts";
import type { DomainDefinition } from "../model.ts";
import { isPower } from "./memory.ts";
import { isQemu, numbered, refuse } from "./refuse.ts";

/** Buses, and what is plugged into those that are not there. */
export function checkControllers(definition: DomainDefinition): void {
  const seen = new Set<string>();
  for (const [controller, path] of numbered(definition.devices.controllers, "devices/controller")) {
    const { type, index } = controller;
    if (type === "pci") checkPci(controller, path, isPower(definition.os.type.arch));
    if (index === undefined) continue;
    // The USB 2 controllers of ICH9 are several devices that make up one bus.
    const companion = type === "usb" && controller.model?.startsWith("ich9-") === true;
    const name = `${type} ${index}${companion ? ` ${controller.model}` : ""}`;
    if (seen.has(name)) refuse(`${path}/@index`, `two controllers are ${name}`);
    seen.add(name);
  }
  checkUsb(definition);
  if (isQemu(definition)) {
    checkRoot(definition);
    checkExpanders(definition);
  }
}

type Pci = Extract<Controller, { readonly type: "pci" }>;

function checkPci(controller: Pci, path: string, severalRoots: boolean): void {
  const { model, index = 0, target, address } = controller;
  if (model === "pci-root" || model === "pcie-root") {
    if (address !== undefined) refuse(`${path}/address`, `${model} is part of the machine`);
    if (index !== 0 && !severalRoots) refuse(`${path}/@index`, `${model} has the index 0, not ${index}`);
  }
  if (index > 255) refuse(`${path}/@index`, `the index ${index} is more than 255`);
  if (target === undefined) return;
  if (target.index !== undefined && (index === 0) !== (target.index === 0))
    refuse(`${path}/target/@index`, "the target 0 is that of the controller 0, and no other");
  if (target.chassisNr === 0) refuse(`${path}/target/@chassisNr`, "the number of a chassis is not 0");
  if (target.busNr === 0) refuse(`${path}/target/@busNr`, "the number of a bus is not 0");
  if (target.node !== undefined && index === 0)
    refuse(`${path}/target/node`, "the first bus is of all nodes");
}

/** Models that make up all of a guest's USB by themselves. */
function checkUsb(definition: DomainDefinition): void {
  const { devices } = definition;
  const usb = devices.controllers.filter((c) => c.type === "usb");
  const none = usb.find((c) => c.model === "none");
  if (none !== undefined) {
    if (usb.length > 1)
      refuse("devices/controller", "a guest without USB has no USB controllers", "leave model none out");
    const disabled = (list: readonly object[], name: string) => {
      const [first] = list;
      if (first !== undefined)
        refuse(`devices/${name}`, "the guest has no USB for it", "leave the controller of model none out");
    };
    disabled(devices.hubs, "hub");
    disabled(devices.redirdevs, "redirdev");
    disabled(
      devices.inputs.filter((i) => i.bus === "usb"),
      "input",
    );
    disabled(
      devices.hostdevs.filter((h) => h.type === "usb"),
      "hostdev",
    );
  }
  for (const [controller, path] of numbered(devices.controllers, "devices/controller")) {
    if (controller.type !== "usb" || controller.model?.startsWith("ich9-uhci") !== true) continue;
    const master = usb.some(
      (c) => c.model === "ich9-ehci1" && (c.index ?? controller.index) === (controller.index ?? c.index),
    );
    if (!master && controller.master !== undefined)
      refuse(path, "a companion has no controller that it belongs to", "add one of model ich9-ehci1");
  }
}

function isQ35(machine: string): boolean {
  return machine === "q35" || machine.startsWith("pc-q35");
}

function isI440fx(machine: string): boolean {
  return machine === "pc" || machine.startsWith("pc-i440fx") || /^pc-[01]\./.test(machine);
}

function checkRoot({ os, devices }: DomainDefinition): void {
  const { machine = "", arch = "x86_64" } = os.type;
  if (arch !== "x86_64" && arch !== "i686") return;
  const wanted = isQ35(machine) ? "pcie-root" : isI440fx(machine) ? "pci-root" : undefined;
  for (const [controller, path] of numbered(devices.controllers, "devices/controller")) {
    if (controller.type !== "pci" || wanted === undefined) continue;
    if (controller.index === 0 && controller.model !== undefined && controller.model !== wanted)
      refuse(`${path}/@model`, `the first bus of ${machine} is ${wanted}, not ${controller.model}`);
  }
}

function checkExpanders({ os, cpu, devices }: DomainDefinition): void {
  const { machine = "" } = os.type;
  for (const [controller, path] of numbered(devices.controllers, "devices/controller")) {
    if (controller.type !== "pci") continue;
    const { model, target } = controller;
    if (model === "pcie-expander-bus" && isI440fx(machine))
      refuse(`${path}/@model`, `${machine} has no PCI Express`, "use pci-expander-bus");
    if (model === "pci-expander-bus" && isQ35(machine))
      refuse(`${path}/@model`, `${machine} has PCI Express`, "use pcie-expander-bus");
    const nodes = cpu?.numa?.cells.length ?? 0;
    if (target?.node !== undefined && target.node >= nodes)
      refuse(`${path}/target/node`, `the guest has no node ${target.node}, it has ${nodes}`);
  }
}
