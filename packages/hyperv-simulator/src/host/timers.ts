/** Timers that end with their owner. */
export class Timers implements Disposable {
  readonly #pending = new Set<NodeJS.Timeout>();

  after(ms: number, act: () => void): Disposable {
    const timer = setTimeout(() => {
      this.#pending.delete(timer);
      act();
    }, ms);
    this.#pending.add(timer);
    return {
      [Symbol.dispose]: () => {
        clearTimeout(timer);
        this.#pending.delete(timer);
      },
    };
  }

  [Symbol.dispose](): void {
    for (const timer of this.#pending) clearTimeout(timer);
    this.#pending.clear();
  }
}
