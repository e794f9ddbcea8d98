import { type HostCpu, hostCpuSchema } from "../capabilities/host.ts";
import { type Cpu, cpuSchema } from "../domain/cpu.ts";
import { document } from "../schema/document.ts";
import { refuseDoubles } from "../schema/refuse.ts";

const guestCpuDocument = document("cpu", cpuSchema);
const hostCpuDocument = document("cpu", hostCpuSchema);

/**
 * Reads a `<cpu>` of a guest by itself, as one compares with a host's.
 * @throws XML_SYNTAX, XML_FORBIDDEN, XML_LIMIT, XML_UNKNOWN, XML_INVALID with path, line and column
 */
export function parseGuestCpu(xml: string): Cpu {
  const cpu = guestCpuDocument.parse(xml);
  checkFeatures(cpu.features);
  return cpu;
}

export function formatGuestCpu(cpu: Cpu): string {
  return guestCpuDocument.format(cpu);
}

/** Reads a `<cpu>` of a host by itself, as in its capabilities. */
export function parseHostCpu(xml: string): HostCpu {
  const cpu = hostCpuDocument.parse(xml);
  checkFeatures(cpu.features);
  return cpu;
}

export function formatHostCpu(cpu: HostCpu): string {
  return hostCpuDocument.format(cpu);
}

function checkFeatures(features: readonly { readonly name: string }[]): void {
  refuseDoubles(
    features.map((feature) => feature.name),
    "/cpu/feature",
  );
}
