/** What a live area draws on. */
export interface Screen {
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** Lines at the bottom of a terminal that are drawn again in place. Disposal leaves the last picture standing. */
export class LiveArea implements Disposable {
  readonly #screen: Screen;
  #drawn = 0;

  constructor(screen: Screen) {
    this.#screen = screen;
    // The cursor would jump about.
    screen.write("\u001b[?25l");
  }

  get width(): number {
    return this.#screen.columns ?? 80;
  }

  draw(lines: readonly string[]): void {
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A` : "";
    // Up, then from there to the end of the screen everything goes: the new picture may be shorter.
    this.#screen.write(`${up}\r\u001b[J${lines.join("\n")}\n`);
    this.#drawn = lines.length;
  }

  [Symbol.dispose](): void {
    this.#screen.write("\u001b[?25h");
  }
}
