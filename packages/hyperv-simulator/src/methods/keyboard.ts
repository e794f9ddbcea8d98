import { numberOf, textOf } from "../cim/value.ts";
import { guestReference } from "../host/context.ts";
import { RETURN, Refusal } from "../host/jobs.ts";
import { type Answer, DONE, type MethodCall } from "./method.ts";

/** Nobody sits behind the screen of a simulated guest: a key is taken where there is one who runs. */
export function pressKey({ host, target }: MethodCall): Answer {
  const guest = host.repository.get(guestReference(textOf(target, "SystemName")));
  if (guest === undefined || numberOf(guest, "EnabledState") !== 2)
    throw new Refusal(RETURN.invalidState, "the guest does not run");
  return DONE;
}
