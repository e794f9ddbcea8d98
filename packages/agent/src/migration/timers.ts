/** Timers of one owner, which end with it. */
export class Timers implements Disposable {
  readonly #running = new Set<NodeJS.Timeout>();

  after(ms: number, run: () => void): Disposable {
    const timer = setTimeout(() => {
      this.#running.delete(timer);
      run();
    }, ms);
    this.#running.add(timer);
    return {
      [Symbol.dispose]: () => {
        clearTimeout(timer);
        this.#running.delete(timer);
      },
    };
  }

  [Symbol.dispose](): void {
    for (const timer of this.#running) clearTimeout(timer);
    this.#running.clear();
  }
}
