import { DomainServiceService as domains, GetDomainRequest } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { VirtError } from "@virtmesh/core/errors";
import { durationOf } from "./output/units.ts";
import type { Session } from "./session.ts";
import type { Target } from "./target.ts";
import type { Given, VerbOption } from "./verb.ts";

/** Where a change counts, as virsh has it. */
export const SCOPE_OPTIONS: readonly VerbOption[] = [
  { flags: "--live", help: "the guest that runs" },
  { flags: "--config", help: "the definition for its next start" },
  { flags: "--current", help: "the one that runs if it runs, else the definition (the default)" },
];

/** For the verbs about devices. */
export const DEVICE_SCOPE_OPTIONS: readonly VerbOption[] = [
  ...SCOPE_OPTIONS,
  { flags: "--persistent", help: "the definition, and what runs if it runs" },
];

export const WITHIN_OPTION: VerbOption = {
  flags: "--within <seconds>",
  help: "how long it may take; 60 unless given",
};

export async function scopeOf(
  session: Session,
  target: Target,
  given: Given,
): Promise<{ readonly live: boolean; readonly config: boolean }> {
  const [live, config, current] = [given.flag("live"), given.flag("config"), given.flag("current")];
  if (current && (live || config))
    throw new VirtError("INVALID_FIELD", "--current cannot be used together with --live or --config");
  if (!given.flag("persistent")) return { live, config };
  const domain = await session.rpc.unary(domains.getDomain, GetDomainRequest.fromPartial(target));
  return { live: domain.id !== 0, config: true };
}

export function withinOf(given: Given): { readonly timeout?: ReturnType<typeof durationOf> } {
  const seconds = given.number("within");
  return seconds === undefined ? {} : { timeout: durationOf(seconds * 1000) };
}
