import { randomUUID } from "node:crypto";
import { identity } from "../cim/path.ts";
import type { Repository } from "../cim/repository.ts";
import { interval, NEVER, type Reference, type Value } from "../cim/value.ts";
import type { JobFailureRule, Settings } from "./settings.ts";
import { type Locale, type TextId, textIn } from "./texts.ts";
import type { Timers } from "./timers.ts";

/** Msvm_ConcreteJob.JobState */
export const JOB_STATE = { running: 4, completed: 7, terminated: 8, killed: 9, exception: 10 } as const;

/** ReturnValue of methods, and ErrorCode of jobs. */
export const RETURN = {
  done: 0,
  jobStarted: 4096,
  failed: 32768,
  accessDenied: 32769,
  notSupported: 32770,
  invalidParameter: 32773,
  inUse: 32774,
  invalidState: 32775,
  notFound: 32777,
} as const;

/** A method is refused, or a job fails. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export function isRefusal(e: unknown): e is Refusal {
  return e instanceof Error && e.name === "Refusal";
}

export interface WorkResult {
  /** Output parameters, which only an answer without a job has. */
  readonly output?: Readonly<Record<string, Value>>;
  /** What was made by it, for associations with the job. */
  readonly made?: readonly Reference[];
}

/** What a method does, at once or as a job. */
export interface Work {
  readonly describes: TextId;
  readonly jobClass?: "Msvm_ConcreteJob" | "Msvm_MigrationJob" | "Msvm_StorageJob";
  readonly jobValues?: Readonly<Record<string, Value>>;
  readonly affected: readonly Reference[];
  /** Before the answer. */
  begin?(): void;
  /** At the end. @throws Refusal */
  finish(): WorkResult;
  /** Instead of the end where a job is made to fail, or cancelled: undoes what begin did. */
  abandon?(): void;
  /** Whether somebody may end it before its time. */
  readonly isCancellable?: true;
}

/** Msvm_AffectedJobElement.ElementEffects: another, and created. */
const EFFECTS = { affected: 1, created: 5 } as const;

export class Jobs {
  readonly #repository: Repository;
  readonly #timers: Timers;
  readonly #locale: Locale;
  readonly #settings: () => Settings;
  readonly #takeFailure: (method: string) => JobFailureRule | undefined;
  readonly #cancels = new Map<string, (state: "terminated" | "killed") => void>();

  constructor(options: {
    readonly repository: Repository;
    readonly timers: Timers;
    readonly locale: Locale;
    readonly settings: () => Settings;
    readonly takeFailure: (method: string) => JobFailureRule | undefined;
  }) {
    this.#repository = options.repository;
    this.#timers = options.timers;
    this.#locale = options.locale;
    this.#settings = options.settings;
    this.#takeFailure = options.takeFailure;
  }

  /** Starts it and says where its job is to be seen. */
  start(method: string, work: Work): Reference {
    const now = new Date();
    const text = textIn(this.#locale, work.describes);
    const job = this.#repository.add(work.jobClass ?? "Msvm_ConcreteJob", {
      InstanceID: randomUUID().toUpperCase(),
      ...{ Caption: text, Description: text, ElementName: text, Name: text, JobStatus: text },
      ...{ Status: "OK", OperationalStatus: [2], HealthState: 5 },
      ...{ JobState: JOB_STATE.running, PercentComplete: 0, DeleteOnCompletion: true },
      ...{ ErrorCode: 0, TimeSubmitted: now, StartTime: now, ElapsedTime: interval(0) },
      ...{ TimeOfLastStateChange: now, UntilTime: NEVER, Notify: null, LocalOrUtcTime: 2 },
      ...{ Cancellable: work.isCancellable ?? false, ...work.jobValues },
      TimeBeforeRemoval: interval(this.#settings().jobs.removeAfterMs),
    });
    for (const element of work.affected) this.#relate(element, job, EFFECTS.affected);
    work.begin?.();
    const { durationMs } = this.#settings().jobs;
    const half = this.#timers.after(durationMs / 2, () =>
      this.#repository.update(job, { PercentComplete: 50 }),
    );
    const end = this.#timers.after(durationMs, () => this.#end(method, work, job, now));
    if (work.isCancellable)
      this.#cancels.set(identity(job), (state) => {
        for (const timer of [half, end]) timer[Symbol.dispose]();
        work.abandon?.();
        this.#over(job, now, { JobState: JOB_STATE[state] });
      });
    return job;
  }

  /** Ends a job before its time; false when it does not let itself be ended, or has ended. */
  cancel(job: Reference, state: "terminated" | "killed"): boolean {
    if (this.#settings().jobs.cancels === "refused") return false;
    const cancel = this.#cancels.get(identity(job));
    cancel?.(state);
    return cancel !== undefined;
  }

  #end(method: string, work: Work, job: Reference, started: Date): void {
    try {
      const failure = this.#takeFailure(method);
      if (failure !== undefined) {
        work.abandon?.();
        throw new Refusal(failure.code, failure.description ?? textIn(this.#locale, "failed"));
      }
      for (const element of work.finish().made ?? []) this.#relate(element, job, EFFECTS.created);
      this.#over(job, started, { JobState: JOB_STATE.completed, PercentComplete: 100 });
    } catch (e) {
      if (!isRefusal(e)) throw e;
      this.#over(job, started, {
        ...{ JobState: JOB_STATE.exception, ErrorCode: e.code, OperationalStatus: [6], HealthState: 20 },
        ErrorDescription: e.message,
        ErrorSummaryDescription: textIn(this.#locale, "failed"),
      });
    }
  }

  #over(job: Reference, started: Date, values: Readonly<Record<string, Value>>): void {
    this.#cancels.delete(identity(job));
    const now = new Date();
    const elapsed = interval(now.getTime() - started.getTime());
    this.#repository.update(job, { ElapsedTime: elapsed, TimeOfLastStateChange: now, ...values });
    this.#timers.after(this.#settings().jobs.removeAfterMs, () => this.#repository.remove(job));
  }

  #relate(element: Reference, job: Reference, effect: number): void {
    this.#repository.add("Msvm_AffectedJobElement", {
      AffectedElement: element,
      AffectingElement: job,
      ElementEffects: [effect],
    });
  }
}
