import { referenceTo } from "../cim/path.ts";
import { Repository } from "../cim/repository.ts";
import { type Instance, NEVER, textOf } from "../cim/value.ts";
import type { Context } from "./context.ts";
import { Disks } from "./disks.ts";
import { addDrives, filesIn } from "./files.ts";
import { counted } from "./counters.ts";
import { addFurniture } from "./furniture.ts";
import { enterState, isGuest, seedGuest } from "./guests.ts";
import type { GuestState } from "./guest-state.ts";
import { Jobs } from "./jobs.ts";
import type { Seed } from "./seed.ts";
import {
  DEFAULT_SETTINGS,
  type Disturbance,
  type JobFailureRule,
  patchSettings,
  type Settings,
  type SettingsPatch,
} from "./settings.ts";
import { Timers } from "./timers.ts";

/** A host with Hyper-V: its objects, its jobs, and how it is told to behave. */
export class Host implements Context, Disposable {
  readonly repository: Repository;
  readonly seed: Seed;
  readonly timers = new Timers();
  readonly disks: Disks;
  readonly jobs: Jobs;
  /** Hosts that guests can really migrate to, by their names. */
  readonly neighbours = new Map<string, Host>();
  /** What was refused because Microsoft's reference does not know it or the state forbids it, for tests. */
  readonly refused: string[] = [];
  #settings: Settings;
  readonly #awaited: { readonly operation: string; readonly resolve: () => void }[] = [];

  constructor(seed: Seed, patch: SettingsPatch = {}) {
    this.seed = seed;
    this.#settings = patchSettings(DEFAULT_SETTINGS, patch);
    this.repository = new Repository((instance) => counted(withUptime(instance)));
    this.disks = new Disks(filesIn(this.repository, seed));
    addDrives(this.repository, seed);
    this.jobs = new Jobs({
      ...{ repository: this.repository, timers: this.timers, locale: seed.locale },
      settings: () => this.#settings,
      takeFailure: (method) => this.#takeFailure(method),
    });
    const firstSwitch = addFurniture(this);
    for (const guest of seed.guests) seedGuest(this, guest, firstSwitch);
  }

  [Symbol.dispose](): void {
    this.timers[Symbol.dispose]();
  }

  settings(): Settings {
    return this.#settings;
  }

  change(patch: SettingsPatch): void {
    this.#settings = patchSettings(this.#settings, patch);
  }

  /** Does what somebody at the host itself does to a guest; false when there is no guest of that name. */
  control(name: string, state: GuestState, healthState = 5): boolean {
    const guest = this.repository
      .all("Msvm_ComputerSystem")
      .find((g) => isGuest(this, g) && textOf(g, "ElementName") === name);
    if (guest === undefined) return false;
    enterState(this, textOf(guest, "Name"), state);
    // A guest whose disks are full is degraded, and does not run.
    const status = healthState === 5 ? [2] : [3];
    this.repository.update(referenceTo(guest), { HealthState: healthState, OperationalStatus: status });
    return true;
  }

  /** Resolves when the next request of this operation is about to be carried out. */
  begins(operation: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#awaited.push({ operation, resolve });
    return promise;
  }

  /** What befalls this operation now; it counts as having happened. */
  takeDisturbance(operation: string): Disturbance | undefined {
    const awaited = this.#awaited.splice(0);
    for (const one of awaited) {
      if (one.operation === operation) one.resolve();
      else this.#awaited.push(one);
    }
    const { disturbances } = this.#settings;
    const found = disturbances.find((d) => d.operation === operation || d.operation === "*");
    if (found !== undefined) this.#settings = { ...this.#settings, disturbances: used(disturbances, found) };
    return found;
  }

  #takeFailure(method: string): JobFailureRule | undefined {
    const { jobFailures } = this.#settings;
    const found = jobFailures.find((rule) => rule.method === method || rule.method === "*");
    if (found !== undefined) this.#settings = { ...this.#settings, jobFailures: used(jobFailures, found) };
    return found;
  }
}

/** Rules with one of them used once more, and gone when that was the last time. */
function used<T extends { readonly times?: number }>(rules: readonly T[], one: T): readonly T[] {
  const { times } = one;
  if (times === undefined) return rules;
  return rules.flatMap((rule) => (rule !== one ? [rule] : times > 1 ? [{ ...rule, times: times - 1 }] : []));
}

/** How long a guest has been on is counted at the moment it is asked for. */
function withUptime(instance: Instance): Instance {
  const since = instance.values["TimeOfLastStateChange"];
  if (instance.className !== "Msvm_ComputerSystem" || textOf(instance, "EnabledState") !== "2")
    return instance;
  if (!(since instanceof Date) || since === NEVER) return instance;
  const values = { ...instance.values, OnTimeInMilliseconds: Date.now() - since.getTime() };
  return { ...instance, values };
}
