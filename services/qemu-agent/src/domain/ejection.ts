import type { QmpEvents } from "../qmp/events.ts";

type OstInfo = QmpEvents["ACPI_DEVICE_OST"]["info"];

/** Asked for by the host, or by the guest's own system (ACPI specification, _OST). */
const SOURCES: ReadonlySet<number> = new Set([3, 0x103]);
/** Failed, not supported, in use, busy, its dependency busy. That it is under way is no refusal. */
const REFUSALS: ReadonlySet<number> = new Set([1, 0x80, 0x81, 0x82, 0x83]);

/** Whether the guest speaks of letting go of a module of memory or a CPU. */
export function isEjection({ source }: OstInfo): boolean {
  return SOURCES.has(source);
}

export function isRefusedEjection(info: OstInfo): boolean {
  return isEjection(info) && REFUSALS.has(info.status);
}
