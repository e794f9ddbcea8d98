import { keep } from "@virtmesh/documents/xml/keep";
import { readXml } from "@virtmesh/documents/xml/read";
import type { XmlElement } from "@virtmesh/documents/xml/tree";
import { elementsOf } from "@virtmesh/documents/xml/tree";
import { writeXml } from "@virtmesh/documents/xml/write";
import { formatCpuData, parseCpuData } from "@virtmesh/documents/cpu/data";
import { formatGuestCpu, formatHostCpu, parseGuestCpu, parseHostCpu } from "@virtmesh/documents/cpu/document";

/** One CPU document out of a file of libvirt's: some hold a list of them, which is no document of libvirt. */
export interface CpuDocument {
  readonly kind: "guest" | "host" | "data";
  readonly xml: string;
}

export function cpuDocuments(xml: string): readonly CpuDocument[] {
  const root = readXml(xml);
  const found = root.name === "cpuTest" ? elementsOf(root) : [root];
  return found.map((cpu) => ({ kind: kindOf(cpu), xml: writeXml(keep(cpu)) }));
}

export function rewrittenCpu({ kind, xml }: CpuDocument): string {
  if (kind === "data") return formatCpuData(parseCpuData(xml));
  return kind === "host" ? formatHostCpu(parseHostCpu(xml)) : formatGuestCpu(parseGuestCpu(xml));
}

/** Only a host's says of which architecture it is. */
function kindOf(cpu: XmlElement): CpuDocument["kind"] {
  if (cpu.name === "cpudata") return "data";
  return elementsOf(cpu).some((child) => child.name === "arch") ? "host" : "guest";
}
