import { domainTree } from "@virtmesh/documents/domain/document";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { unsupported } from "./arguments.ts";
import type { Runtime } from "./runtime.ts";
import { refuseNotUnderstood } from "./understood.ts";

/**
 * Refuses what QEMU's arguments cannot say, so that nothing is left out silently.
 * @throws CONFIG_UNSUPPORTED
 */
export function refuseUnknown(definition: DomainDefinition, runtime: Runtime): void {
  const { os } = definition;
  if (os.type.kind !== "hvm")
    throw unsupported("os/type", `QEMU runs guests of type hvm, not ${os.type.kind}`);
  const passthrough = definition.qemuCommandline ?? definition.qemuOverride;
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
