import { checkNames } from "./names.ts";

/** What answers how, and what goes wrong: it can be changed while the simulator runs. */
export interface Settings {
  readonly jobs: {
    /** `usual`: as Windows does. `always`: every change is a job, whose answer says nothing about its results. */
    readonly when: "usual" | "always";
    readonly durationMs: number;
    /** How long after their end jobs are to be seen. */
    readonly removeAfterMs: number;
    /** Whether a job that says it can be ended lets itself be: that it says so promises nothing. */
    readonly cancels: "obeyed" | "refused";
  };
  readonly jobFailures: readonly JobFailureRule[];
  readonly disturbances: readonly Disturbance[];
  /** Whether a guest that is asked to shut down does it. */
  readonly guestShutdown: "obeys" | "ignores";
  readonly guestShutdownMs: number;
  readonly subscriptions: "accepted" | "refused";
  /** `lost`: subscriptions hear of nothing, and nobody is told that they do not. */
  readonly events: "told" | "lost";
  /** Windows grants no renewals (MS-WSMV 3.1.4.1.30.4). */
  readonly renewals: "refused" | "granted";
  readonly quotas: Quotas;
}

export interface Quotas {
  readonly maxEnvelopeBytes: number;
  readonly maxItemsPerPull: number;
  readonly maxConcurrentOperationsPerUser: number;
  readonly operationTimeoutMs: number;
  readonly enumerationTimeoutMs: number;
}

/** A job of this method ends as an exception. */
export interface JobFailureRule {
  /** `RequestStateChange`; `*` for all. */
  readonly method: string;
  readonly code: number;
  /** Instead of a text in the language of the host. */
  readonly description?: string;
  /** How often; without it always. */
  readonly times?: number;
}

/** Something befalls the request of this operation. */
export interface Disturbance {
  /** `Enumerate`, `Pull`, `Get`, `Put`, `Subscribe` or the name of a method; `*` for all. */
  readonly operation: string;
  readonly does: /** The connection ends without an answer; the request may have been carried out. */
  "drop before" | "drop after" | "delay" | "unauthorized" | "fault";
  readonly delayMs?: number;
  /** Of the fault: `w:InternalError`. */
  readonly subcode?: string;
  readonly times?: number;
}

export const DEFAULT_SETTINGS: Settings = {
  jobs: { when: "usual", durationMs: 20, removeAfterMs: 300_000, cancels: "obeyed" },
  jobFailures: [],
  disturbances: [],
  guestShutdown: "obeys",
  guestShutdownMs: 20,
  subscriptions: "accepted",
  events: "told",
  renewals: "refused",
  quotas: {
    maxEnvelopeBytes: 512_000,
    maxItemsPerPull: 32_000,
    maxConcurrentOperationsPerUser: 1500,
    operationTimeoutMs: 60_000,
    enumerationTimeoutMs: 60_000,
  },
};

/** Settings as they come from outside, any part of them. */
export type SettingsPatch = Partial<Omit<Settings, "jobs" | "quotas">> & {
  readonly jobs?: Partial<Settings["jobs"]>;
  readonly quotas?: Partial<Quotas>;
};

/** @throws INVALID_FIELD for a setting that there is not */
export function patchSettings(settings: Settings, patch: SettingsPatch): Settings {
  checkNames("settings", patch, DEFAULT_SETTINGS);
  checkNames("settings.jobs", patch.jobs ?? {}, DEFAULT_SETTINGS.jobs);
  checkNames("settings.quotas", patch.quotas ?? {}, DEFAULT_SETTINGS.quotas);
  return {
    ...settings,
    ...patch,
    jobs: { ...settings.jobs, ...patch.jobs },
    quotas: { ...settings.quotas, ...patch.quotas },
  };
}
