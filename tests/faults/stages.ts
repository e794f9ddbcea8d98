import { messageOf } from "@virtmesh/core/errors";
import type { CellResult } from "./cell.ts";
import { Stage } from "./lab/stage.ts";

/** The hosts, made anew after a cell that failed: the next one must not suffer for it. */
export class Stages implements AsyncDisposable {
  #stage: Stage | undefined;

  /** Made anew once if they do not come up: a whole round must not end by that. */
  async ready(progress: (text: string) => void = () => undefined): Promise<Stage> {
    try {
      this.#stage ??= await Stage.start();
    } catch (e) {
      progress(`the hosts did not come up, and are made anew: ${messageOf(e)}`);
      this.#stage = await Stage.start();
    }
    return this.#stage;
  }

  async after(result: CellResult, progress: (text: string) => void): Promise<void> {
    try {
      if (result.ok && (await this.#stage?.isUp())) return;
      if (result.ok) return await this.#stage?.boot();
    } catch (e) {
      progress(`the guest could not be booted again: ${messageOf(e)}`);
    }
    await this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stage = this.#stage;
    this.#stage = undefined;
    await stage?.[Symbol.asyncDispose]();
  }
}
