import type { DomainDraft } from "../walk.ts";

type CpuDraft = NonNullable<DomainDraft["cpu"]>;

/** Says of a guest's processor what is meant by saying nothing, and drops what means nothing. */
export function completeCpuWords(draft: DomainDraft): void {
  const { cpu } = draft;
  if (cpu === undefined) return;
  const custom = (cpu.mode ?? "custom") === "custom";
  const named = cpu.model?.name !== undefined;
  if (!custom || named) {
    cpu.mode ??= "custom";
    if (custom) cpu.match ??= "exact";
  } else {
    delete cpu.mode;
    delete cpu.match;
    delete cpu.check;
  }
  if (!custom) delete cpu.match;
  if (!(custom || cpu.mode === "host-model")) {
    delete cpu.model;
    delete cpu.vendor;
  }
  if (named && cpu.model !== undefined) cpu.model.fallback ??= "allow";
  else if (cpu.model?.vendorId === undefined) delete cpu.model;
  else delete cpu.model.fallback;
  for (const feature of cpu.features) feature.policy ??= "require";
  if (cpu.topology !== undefined) cpu.topology.dies ??= 1;
  if (saysNothing(cpu)) delete draft.cpu;
}

function saysNothing(cpu: CpuDraft): boolean {
  return Object.values(cpu).every(
    (value) => value === undefined || (Array.isArray(value) && value.length === 0),
  );
}
