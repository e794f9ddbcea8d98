import { domainTree } from "@virtmesh/documents/domain/document";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { unsupported } from "./arguments.ts";
import type { Runtime } from "./runtime.ts";
import { refuseNotUnderstood } from "./understood.ts";

/**
 * Refuses what this agent does not honour, so that nothing is left out silently.
 * `<resource>` and dynamic security labels are notes of libvirt about the host and may be there.
 * @throws CONFIG_UNSUPPORTED
 */
export function refuseUnknown(definition: DomainDefinition, runtime: Runtime): void {
  const { os, features, seclabels } = definition;
  refuseAll("", { seclabel: seclabels.find((label) => label.type === "static") });
  refuseAll("features/", {
    vmcoreinfo: features?.vmcoreinfo?.state === false ? undefined : features?.vmcoreinfo,
  });
  if (os.type.kind !== "hvm")
    throw unsupported("os/type", `QEMU runs guests of type hvm, not ${os.type.kind}`);
  for (const audio of definition.devices.audios) {
    if (audio.type !== "none") throw unsupported("devices/audio", "sound is not supported");
  }
  const passthrough = definition.qemuCommandline;
  if (passthrough !== undefined && !runtime.allowPassthrough) {
    throw unsupported("qemu:commandline", "arguments for QEMU itself are not allowed by this agent");
  }
  refuseNotUnderstood(domainTree(definition));
}

/** @throws CONFIG_UNSUPPORTED for the first that is there. */
export function refuseAll(parent: string, elements: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(elements)) {
    if (value !== undefined)
      throw unsupported(`${parent}${name}`, `<${name}> is not supported by this agent`);
  }
}
