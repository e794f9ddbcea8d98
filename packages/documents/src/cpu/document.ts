import type { Cpu } from "../domain/cpu.ts";
import { cpuSchema } from "../domain/cpu.ts";
import { document } from "../schema/document.ts";
import { refuseAt } from "../schema/refuse.ts";

const cpuDocument = document("cpu", cpuSchema);

/**
 * Reads a `<cpu>` document by itself: a host's, as one compares with, or a guest's.
 * @throws XML_SYNTAX, XML_FORBIDDEN, XML_LIMIT, XML_UNKNOWN, XML_INVALID with path, line and column
 */
export function parseCpu(xml: string): Cpu {
  const cpu = cpuDocument.parse(xml);
  const names = cpu.features.map((feature) => feature.name);
  names.forEach((name, i) => {
    if (names.indexOf(name) < i) refuseAt(`/cpu/feature[${i + 1}]`, `the feature ${name} is there already`);
  });
  return cpu;
}

export function formatCpu(cpu: Cpu): string {
  return cpuDocument.format(cpu);
}
