import { document } from "../schema/document.ts";
import { hex, nonEmpty } from "../schema/kinds.ts";
import { attribute, maybe, repeated } from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { element } from "../schema/schema.ts";

const word = hex(0xffffffff, 8);

/** The `<cpudata>` document: what a CPU itself answers, as hypervisors hand it on. */
export const cpuDataSchema = element({
  arch: attribute("arch", nonEmpty),
  cpuid: repeated(
    "cpuid",
    element({
      eaxIn: attribute("eax_in", word),
      ecxIn: maybe("ecx_in", hex(0xffffffff, 2)),
      eax: attribute("eax", word),
      ebx: attribute("ebx", word),
      ecx: attribute("ecx", word),
      edx: attribute("edx", word),
    }),
  ),
  msr: repeated(
    "msr",
    element({
      index: attribute("index", hex(0xffffffff, 1)),
      eax: attribute("eax", word),
      edx: attribute("edx", word),
    }),
  ),
});

/** A `<cpudata>` document as a value. */
export interface CpuData extends ModelOf<typeof cpuDataSchema> {}

const cpuDataDocument = document("cpudata", cpuDataSchema);

/** @throws XML_SYNTAX, XML_FORBIDDEN, XML_LIMIT, XML_UNKNOWN, XML_INVALID with path, line and column */
export function parseCpuData(xml: string): CpuData {
  return cpuDataDocument.parse(xml);
}

export function formatCpuData(data: CpuData): string {
  return cpuDataDocument.format(data);
}
