import { reference } from "../cim/path.ts";
import { type Instance, type Reference, numberOf } from "../cim/value.ts";
import type { Context } from "./context.ts";

const CLASS = "Msvm_PlannedComputerSystem";

/** Msvm_PlannedComputerSystem.OperationalStatus: fine, and in service, which nobody removes. */
const STATUS = { ok: 2, inService: 11 } as const;

/** A guest that does not run and is there to be migrated into, under the id of the one that will come. */
export function plannedReference(id: string): Reference {
  return reference(CLASS, { CreationClassName: CLASS, Name: id });
}

export function addPlanned(context: Context, id: string, name: string): Reference {
  return context.repository.add(CLASS, {
    ...{ CreationClassName: CLASS, Name: id, ElementName: name, EnabledState: 3 },
    ...{ InstallDate: new Date(), TimeOfLastConfigurationChange: new Date() },
  });
}

export function isPlanned({ className }: Instance): boolean {
  return className === CLASS;
}

export function isBusy(planned: Instance): boolean {
  return numberOf(planned, "OperationalStatus") === STATUS.inService;
}

/** Whether something is on its way into it. */
export function markBusy(context: Context, id: string, busy: boolean): void {
  context.repository.update(plannedReference(id), {
    OperationalStatus: [busy ? STATUS.inService : STATUS.ok],
  });
}
