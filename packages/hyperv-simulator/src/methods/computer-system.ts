import { referenceTo } from "../cim/path.ts";
import { numberOf, textOf } from "../cim/value.ts";
import { enterState, isGuest, stateOf } from "../host/guests.ts";
import { stateRequest, transition } from "../host/guest-state.ts";
import type { Host } from "../host/host.ts";
import { RETURN, Refusal, type Work } from "../host/jobs.ts";
import { type Answer, DONE, type MethodCall } from "./method.ts";

export function requestStateChange({ host, target, input }: MethodCall): Work {
  const requested = Number(input["RequestedState"] ?? 0);
  const request = stateRequest(requested);
  if (!isGuest(host, target)) throw new Refusal(RETURN.notSupported, "the host changes no states");
  const id = textOf(target, "Name");
  const state = stateOf(target);
  const change = request === undefined ? undefined : transition(state, request);
  if (change === undefined)
    throw new Refusal(RETURN.invalidState, `${id} is ${state}, and was asked for the state ${requested}`);
  return {
    describes: "changing state",
    affected: [referenceTo(target)],
    begin: () => enterState(host, id, change.via, requested),
    finish: () => {
      enterState(host, id, change.to);
      return {};
    },
    abandon: () => enterState(host, id, state),
  };
}

/** Asks the system inside of the guest, which does it in its own time; there is no job to follow. */
export function initiateShutdown({ host, target }: MethodCall): Answer {
  leave(host, needRunning(host, textOf(target, "SystemName")), "off");
  return DONE;
}

export function initiateReboot({ host, target }: MethodCall): Answer {
  leave(host, needRunning(host, textOf(target, "SystemName")), "running");
  return DONE;
}

function needRunning(host: Host, id: string): string {
  const guest = host.repository
    .all("Msvm_ComputerSystem")
    .find((g) => textOf(g, "Name").toLowerCase() === id.toLowerCase());
  if (guest === undefined || numberOf(guest, "EnabledState") !== 2)
    throw new Refusal(RETURN.invalidState, `${id} does not run`);
  return textOf(guest, "Name");
}

function leave(host: Host, id: string, to: "off" | "running"): void {
  const { guestShutdown, guestShutdownMs } = host.settings();
  if (guestShutdown === "ignores") return;
  host.timers.after(guestShutdownMs, () => {
    enterState(host, id, to === "off" ? "stopping" : "resetting");
    host.timers.after(guestShutdownMs, () => enterState(host, id, to));
  });
}
