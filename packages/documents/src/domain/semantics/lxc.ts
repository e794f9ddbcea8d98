import type { DomainDefinition } from "../model.ts";
import type { HypervisorRules } from "./common/complete.ts";
import { completeDraft } from "./common/complete.ts";
import { draftOf } from "./draft.ts";
import { refuse } from "./refuse.ts";

export interface LxcCompletion {
  /** The program that runs containers, and the architecture of the host. */
  readonly emulator: string;
  readonly arch: string;
  readonly inactive?: boolean;
}

/** Writes down what the definition of a container means. @throws XML_INVALID, CONFIG_UNSUPPORTED */
export function completeLxcDomain(
  definition: DomainDefinition,
  { emulator, arch, inactive = true }: LxcCompletion,
): DomainDefinition {
  const draft = draftOf(definition);
  const rules: HypervisorRules = {
    machine({ os, devices }) {
      devices.emulator ??= emulator;
      os.type.arch ??= arch;
      if (os.type.kind === "exe" && os.init === undefined)
        refuse("os/init", "a container needs the program that it begins with");
    },
    device(_, walked) {
      if (walked.list !== "consoles") return;
      walked.device.target = { ...walked.device.target, type: walked.device.target?.type ?? "lxc" };
    },
  };
  completeDraft(draft, rules, { newDomain: false, inactive });
  return draft;
}
