import type { CallOptions } from "../wsman/client.ts";
import { isWsmanFault } from "../wsman/errors.ts";
import type { Reference } from "../wsman/values.ts";
import { HypervError } from "./errors.ts";
import type { MsvmSession } from "./session.ts";
import type { Msvm } from "./types.ts";

type Job = Msvm<"Msvm_ConcreteJob">;

/** JobState (Msvm_ConcreteJob): from here on a job has ended. */
const COMPLETED = 7;
const COMPLETED_WITH_WARNINGS = 32768;

/** What a job tells while it is under way. */
export interface JobWatcher {
  begun(job: Reference): void;
  /** 0 to 100. */
  progress(percent: number): void;
}

/** Jobs that somebody waits for, as the events of the host tell how they go on. */
export class Jobs {
  readonly #waiting = new Map<string, Set<(job: Job | undefined) => void>>();

  /** A job as an event told it. */
  tell(job: Job): void {
    for (const wake of this.#waiting.get(idOf(job.InstanceID)) ?? []) wake(job);
  }

  /** Events may have been missed: whoever waits asks once. */
  askAgain(): void {
    for (const waiting of this.#waiting.values()) for (const wake of [...waiting]) wake(undefined);
  }

  /** Resolves when the job has ended well. @throws HypervError with what the job says */
  async follow(
    session: Pick<MsvmSession, "get">,
    reference: Reference,
    options: CallOptions,
    watcher?: JobWatcher,
  ): Promise<void> {
    const id = idOf(reference.selectors["InstanceID"]);
    const told: (Job | undefined)[] = [];
    let hear = Promise.withResolvers<void>();
    const wake = (job: Job | undefined): void => {
      told.push(job);
      hear.resolve();
    };
    const stop = (): void => wake(undefined);
    const waiting = this.#waiting.get(id) ?? new Set();
    // Before it is asked for, so that nothing is missed between.
    this.#waiting.set(id, waiting.add(wake));
    options.signal.addEventListener("abort", stop, { once: true });
    try {
      let job: Job | undefined = await ask(session, reference, options);
      const report = (): void => {
        if (job?.PercentComplete !== undefined) watcher?.progress(job.PercentComplete);
      };
      report();
      while (!hasEnded(job)) {
        await hear.promise;
        options.signal.throwIfAborted();
        hear = Promise.withResolvers<void>();
        const news = told.splice(0);
        job =
          news.find(hasEnded) ??
          (news.includes(undefined) ? await ask(session, reference, options) : (news.at(-1) ?? job));
        report();
      }
      check(job);
    } finally {
      options.signal.removeEventListener("abort", stop);
      waiting.delete(wake);
      if (waiting.size === 0) this.#waiting.delete(id);
    }
  }
}

async function ask(
  session: Pick<MsvmSession, "get">,
  reference: Reference,
  options: CallOptions,
): Promise<Job> {
  try {
    return await session.get("Msvm_ConcreteJob", reference, options);
  } catch (e) {
    // Hosts forget a job some minutes after its end.
    if (isWsmanFault(e, "DestinationUnreachable"))
      throw new HypervError(0, "the host has forgotten the job, and with it whether it went well");
    throw e;
  }
}

function hasEnded(job: Job | undefined): boolean {
  return (job?.JobState ?? 0) >= COMPLETED && job?.JobState !== 11;
}

function check(job: Job | undefined): void {
  const state = job?.JobState ?? 0;
  if (state === COMPLETED || state >= COMPLETED_WITH_WARNINGS) return;
  throw new HypervError(
    job?.ErrorCode ?? 0,
    job?.ErrorDescription ||
      job?.ErrorSummaryDescription ||
      job?.JobStatus ||
      `the job ended in the state ${state}`,
  );
}

function idOf(instanceId: string | undefined): string {
  return (instanceId ?? "").toUpperCase();
}
