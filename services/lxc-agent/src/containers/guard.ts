import { setTimeout as delay } from "node:timers/promises";
import { askState, type Held, hold } from "../lxc/command.ts";
import type { LxcRecord } from "../lxc/records.ts";
import type { Container, Run } from "./container.ts";
import { whereItRuns } from "./launch.ts";
import type { ContainerFolder } from "./status.ts";
import { compare, follow, type StoryStep, type Told } from "./story.ts";

/** How long the monitor's last words may take after its container has ended. */
const LAST_WORDS_MS = 500;
/** As often it is looked whether a container that reboots is there again. */
const REBOOT_TRIES = 20;

export interface GuardOptions {
  readonly folder: ContainerFolder;
  /** Something happened, in order. */
  readonly onTold: (told: Told, reconciled: boolean) => void;
  /** After a reboot it runs elsewhere: another first process. */
  readonly onMoved: () => Promise<void>;
  /** Something has changed, told or not. */
  readonly onChange: () => void;
  /** Once: nothing of it runs any more, as far as can be seen. */
  readonly onOver: () => void;
  readonly onProblem: (e: unknown) => void;
}

/** Follows one run of a container by what its monitor tells, and by the connection to it, which ends with it. */
export class RunGuard implements Disposable {
  readonly #container: Container;
  readonly #run: Run;
  readonly #o: GuardOptions;
  #held: Held;
  /** What comes meanwhile waits until it is known where the container runs. */
  #moving: Promise<void> | undefined;
  #over = false;

  constructor(container: Container, run: Run, held: Held, options: GuardOptions) {
    this.#container = container;
    this.#run = run;
    this.#held = held;
    this.#o = options;
    void this.#watch();
  }

  hear(record: LxcRecord): void {
    this.#next(() => this.#take(follow(this.#run.standing, record), false));
  }

  /** Records may have been lost: looks how it is. */
  async reconcile(): Promise<void> {
    const state = await askState(this.#o.folder.path, this.#container.uuid);
    this.#next(() => this.#take(compare(this.#run.standing, state), true));
  }

  /** Lets go; it runs on. */
  [Symbol.dispose](): void {
    this.#over = true;
    this.#held[Symbol.dispose]();
  }

  #next(work: () => void): void {
    if (this.#over) return;
    if (this.#moving === undefined) work();
    else this.#moving = this.#moving.then(work);
  }

  #take(step: StoryStep, reconciled: boolean): void {
    if (this.#over) return;
    this.#run.standing = step.standing;
    for (const told of step.told) {
      if (told.type === "rebooted") this.#moving = this.#move(told);
      else this.#o.onTold(told, reconciled);
    }
    if (step.ended) this.#end();
    this.#o.onChange();
  }

  /** Whoever hears of a reboot may ask something of the container at once, so first it is found again. */
  async #move(told: Told): Promise<void> {
    try {
      const where = await whereItRuns(this.#o.folder, this.#container.uuid);
      if (where !== undefined && !this.#over) {
        this.#run.init = where.init;
        this.#run.places = where.places;
        await this.#o.onMoved();
      }
    } catch (e) {
      this.#o.onProblem(e);
    }
    this.#o.onTold(told, false);
    this.#moving = undefined;
  }

  /** The connection ends with the container, whatever else is told or not; and at a reboot, where it is made anew. */
  async #watch(): Promise<void> {
    for (let tries = 0; !this.#over; ) {
      await this.#held.gone;
      // The monitor's last words are on their way, or it begins anew.
      await delay(LAST_WORDS_MS, undefined, { ref: false });
      if (this.#over) return;
      const again = await hold(this.#o.folder.path, this.#container.uuid);
      if (again !== undefined) {
        this.#held = again;
        tries = 0;
        if (this.#over) again[Symbol.dispose]();
      } else if (!this.#run.standing.rebooting || (tries += 1) >= REBOOT_TRIES) this.#end();
    }
  }

  #end(): void {
    if (this.#over) return;
    this[Symbol.dispose]();
    this.#o.onOver();
  }
}
