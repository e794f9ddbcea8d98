import type { Call } from "@virtmesh/core/call";
import { REASONS, VirtError, type Reason } from "@virtmesh/core/errors";
import { pause } from "./pause.ts";

/** Namespace of the elements that configure the test hypervisor inside a guest's `<metadata>`. */
export const TEST_NAMESPACE = "https://virtmesh.dev/test/1";

/** What goes wrong with one guest; read from its metadata, or set by a test. */
export interface Faults {
  readonly fail: readonly FailFault[];
  readonly delay: readonly DelayFault[];
  /** Methods whose effect on the guest never comes: the guest that does not hear its power button. */
  readonly ignore: readonly string[];
  readonly migration: readonly MigrationFault[];
}

export interface FailFault {
  /** `start`, `destroy`, `migration.prepare`, ... */
  readonly method: string;
  readonly reason: Reason;
  readonly message: string;
  /** How many calls fail; then it works. */
  readonly times: number;
}

export interface DelayFault {
  readonly method: string;
  readonly ms: number;
}

/** When on its way a disk's copy fails. */
export const MIRROR_MOMENTS = ["beforeReady", "afterReady", "conclude"] as const;
/** When on its way a migration fails apart from its disks: the first three on the source, the others on the destination. */
export const MIGRATION_MOMENTS = ["memory", "deviceState", "exit", "incoming", "resume", "discard"] as const;

export type MigrationFault =
  | { readonly disk: string; readonly fail: (typeof MIRROR_MOMENTS)[number]; readonly message: string }
  | { readonly disk?: never; readonly fail: (typeof MIGRATION_MOMENTS)[number]; readonly message: string };

export type MirrorMoment = (typeof MIRROR_MOMENTS)[number];
export type MigrationMoment = (typeof MIGRATION_MOMENTS)[number];

export const NO_FAULTS: Faults = { fail: [], delay: [], ignore: [], migration: [] };

/** The faults of one guest at work: counts down what fails a number of times. */
export class FaultPlan {
  readonly #faults: Faults;
  readonly #left: Map<FailFault, number>;

  constructor(faults: Faults) {
    this.#faults = faults;
    this.#left = new Map(faults.fail.map((fault) => [fault, fault.times]));
  }

  /** Waits the method's delay, then fails if it is to. */
  async before(method: string, c: Call): Promise<void> {
    const ms = this.delayOf(method);
    if (ms > 0) await pause(ms, c.signal);
    this.check(method);
  }

  /** @throws the configured error, as often as it was configured. */
  check(method: string): void {
    const fault = this.#faults.fail.find((f) => f.method === method && (this.#left.get(f) ?? 0) > 0);
    if (fault === undefined) return;
    this.#left.set(fault, (this.#left.get(fault) ?? 0) - 1);
    throw new VirtError(fault.reason, fault.message);
  }

  delayOf(method: string): number {
    return this.#faults.delay.find((f) => f.method === method)?.ms ?? 0;
  }

  ignores(method: string): boolean {
    return this.#faults.ignore.includes(method);
  }

  /** What a disk's copy fails with at that moment; undefined when it does not. */
  mirrorFailure(disk: string, moment: MirrorMoment): string | undefined {
    return this.#faults.migration.find((f) => f.disk === disk && f.fail === moment)?.message;
  }

  migrationFailure(moment: MigrationMoment): string | undefined {
    return this.#faults.migration.find((f) => f.disk === undefined && f.fail === moment)?.message;
  }
}

export function isReason(text: string): text is Reason {
  return Object.hasOwn(REASONS, text);
}
