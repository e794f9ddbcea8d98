import { randomUUID } from "node:crypto";
import type { Repository } from "../cim/repository.ts";
import { interval, NEVER, type Reference, type Value } from "../cim/value.ts";
import type { JobFailureRule, Settings } from "./settings.ts";
import { type Locale, type TextId, textIn } from "./texts.ts";
import type { Timers } from "./timers.ts";

/** Msvm_ConcreteJob.JobState */
export const JOB_STATE = { running: 4, completed: 7, exception: 10 } as const;

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
  /** Instead of the end where a job is made to fail: undoes what begin did. */
  abandon?(): void;
}

/** Msvm_AffectedJobElement.ElementEffects: another, and created. */
const EFFECTS = { affected: 1, created: 5 } as const;

export class Jobs {
  readonly #repository: Repository;
  readonly #timers: Timers;
  readonly #locale: Locale;
  readonly #settings: () => Settings;
  readonly #takeFailure: (method: string) => JobFailureRule | undefined;

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
      ...{ JobState: JOB_STATE.running, PercentComplete: 0, Cancellable: false, DeleteOnCompletion: true },
      ...{ ErrorCode: 0, TimeSubmitted: now, StartTime: now, ElapsedTime: interval(0) },
      ...{ TimeOfLastStateChange: now, UntilTime: NEVER, Notify: null, LocalOrUtcTime: 2 },
      ...work.jobValues,
      TimeBeforeRemoval: interval(this.#settings().jobs.removeAfterMs),
    });
    for (const element of work.affected) this.#relate(element, job, EFFECTS.affected);
    work.begin?.();
    this.#timers.after(this.#settings().jobs.durationMs, () => this.#end(method, work, job, now));
    return job;
  }

  #end(method: string, work: Work, job: Reference, started: Date): void {
    const elapsed = interval(Date.now() - started.getTime());
    const ended = { ElapsedTime: elapsed, TimeOfLastStateChange: new Date(), PercentComplete: 100 };
    try {
      const failure = this.#takeFailure(method);
      if (failure !== undefined) {
        work.abandon?.();
        throw new Refusal(failure.code, failure.description ?? textIn(this.#locale, "failed"));
      }
      for (const element of work.finish().made ?? []) this.#relate(element, job, EFFECTS.created);
      this.#repository.update(job, { ...ended, JobState: JOB_STATE.completed });
    } catch (e) {
      if (!isRefusal(e)) throw e;
      this.#repository.update(job, {
        ...ended,
        ...{ JobState: JOB_STATE.exception, ErrorCode: e.code, OperationalStatus: [6], HealthState: 20 },
        ErrorDescription: e.message,
        ErrorSummaryDescription: textIn(this.#locale, "failed"),
      });
    }
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
