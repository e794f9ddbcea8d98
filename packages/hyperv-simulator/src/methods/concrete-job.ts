import { referenceTo } from "../cim/path.ts";
import { numberOf, textOf } from "../cim/value.ts";
import { JOB_STATE, RETURN, Refusal } from "../host/jobs.ts";
import { type Answer, DONE, type MethodCall } from "./method.ts";

/** RequestedState of a job: 4 lets it end in order, 5 kills it. */
const ENDS: Readonly<Record<number, "terminated" | "killed">> = { 4: "terminated", 5: "killed" };

export function requestJobState({ host, target, input }: MethodCall): Answer {
  const state = ENDS[Number(input["RequestedState"] ?? 0)];
  if (state === undefined) throw new Refusal(RETURN.invalidParameter, "a job can be terminated or killed");
  if (!host.jobs.cancel(referenceTo(target), state))
    throw new Refusal(RETURN.invalidState, "the job does not let itself be ended");
  return DONE;
}

export function killJob({ host, target }: MethodCall): Answer {
  if (!host.jobs.cancel(referenceTo(target), "killed"))
    throw new Refusal(RETURN.invalidState, "the job does not let itself be ended");
  return DONE;
}

/** What went wrong, in the language of the host; null where nothing did. */
export function getErrorEx({ target }: MethodCall): Answer {
  const hasFailed = numberOf(target, "JobState") === JOB_STATE.exception;
  return { ...DONE, output: { Errors: hasFailed ? [textOf(target, "ErrorDescription")] : null } };
}
