import { type HostCpu, hostCpuSchema } from "../capabilities/host.ts";
import { type Cpu, cpuSchema } from "../domain/cpu.ts";
import { document } from "../schema/document.ts";
import { refuseDoubles } from "../schema/refuse.ts";

const guestCpuDocument = document("cpu", cpuSchema, checkFeatures);
const hostCpuDocument = document("cpu", hostCpuSchema, checkFeatures);

/**
 * Reads a `<cpu>` of a guest by itself, as one compares with a host's.
 * @throws XML_SYNTAX, XML_FORBIDDEN, XML_LIMIT, XML_UNKNOWN, XML_INVALID with path, line and column
 */
export function parseGuestCpu(xml: string): Cpu {
  return guestCpuDocument.parse(xml);
}

export function formatGuestCpu(cpu: Cpu): string {
  return guestCpuDocument.format(cpu);
}

/** Reads a `<cpu>` of a host by itself, as in its capabilities. */
export function parseHostCpu(xml: string): HostCpu {
  return hostCpuDocument.parse(xml);
}

export function formatHostCpu(cpu: HostCpu): string {
  return hostCpuDocument.format(cpu);
}

function checkFeatures({ features }: Pick<Cpu, "features">): void {
  refuseDoubles(
    features.map((feature) => feature.name),
    "/cpu/feature",
  );
}
