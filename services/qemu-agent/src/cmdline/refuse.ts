import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import type { XmlTree } from "@virtmesh/documents/xml/tree";
import { unsupported } from "./arguments.ts";
import type { Runtime } from "./runtime.ts";

/**
 * Refuses what the document keeps but this agent does not honour, so that nothing is left out silently.
 * `<resource>` and dynamic security labels are notes of libvirt about the host and may be there.
 * @throws CONFIG_UNSUPPORTED
 */
export function refuseUnknown(definition: DomainDefinition, runtime: Runtime): void {
  const { os, cpu, features, seclabels, sysinfo } = definition;
  refuseAll("", {
    genid: definition.genid,
    blkiotune: definition.blkiotune,
    memtune: definition.memtune,
    memoryBacking: definition.memoryBacking,
    vcpus: definition.vcpus,
    iothreadids: definition.iothreadids,
    cputune: definition.cputune,
    numatune: definition.numatune,
    sysinfo: sysinfo[0],
    bootloader: definition.bootloader,
    idmap: definition.idmap,
    perf: definition.perf,
    launchSecurity: definition.launchSecurity,
    "qemu:capabilities": definition.qemuCapabilities,
    "qemu:override": definition.qemuOverride,
    seclabel: seclabels.find((label) => attribute(label, "type") === "static"),
  });
  refuseAll("os/", {
    firmware: os.firmware,
    acpi: os.acpi,
    dtb: os.dtb,
    init: os.init,
    initenv: os.initEnvironment[0],
  });
  refuseAll("cpu/", { vendor: cpu?.vendor, maxphysaddr: cpu?.maxphysaddr, numa: cpu?.numa });
  refuseAll("features/", {
    hap: features?.hap,
    viridian: features?.viridian,
    privnet: features?.privnet,
    xen: features?.xen,
    gic: features?.gic,
    ioapic: features?.ioapic,
    capabilities: features?.capabilities,
    msrs: features?.msrs,
    tcg: features?.tcg,
    "smm/tseg": features?.smm?.tseg,
    vmcoreinfo: features?.vmcoreinfo?.state === false ? undefined : features?.vmcoreinfo,
  });
  if (os.type.kind !== "hvm")
    throw unsupported("os/type", `QEMU runs guests of type hvm, not ${os.type.kind}`);
  for (const audio of definition.devices.audios) {
    if (attribute(audio, "type") !== "none") throw unsupported("devices/audio", "sound is not supported");
  }
  const passthrough = definition.qemuCommandline;
  if (passthrough !== undefined && !runtime.allowPassthrough) {
    throw unsupported("qemu:commandline", "arguments for QEMU itself are not allowed by this agent");
  }
}

/** @throws CONFIG_UNSUPPORTED for the first that is there. */
export function refuseAll(parent: string, elements: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(elements)) {
    if (value !== undefined)
      throw unsupported(`${parent}${name}`, `<${name}> is not supported by this agent`);
  }
}

function attribute(tree: XmlTree, name: string): string | undefined {
  return tree.attributes.find((a) => a.name === name)?.value;
}
