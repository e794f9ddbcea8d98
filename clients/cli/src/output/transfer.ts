import type { Terminal } from "../terminal.ts";
import { LiveArea } from "./live.ts";
import { bar } from "./progress.ts";
import { clean } from "./table.ts";
import { formatBytes } from "./units.ts";

/** Drawn at most so often. */
const DRAW_MS = 100;

/** How far a transfer is, on a terminal; nothing elsewhere. Disposal leaves the last picture standing. */
export class TransferProgress implements Disposable {
  readonly #area: LiveArea | undefined;
  readonly #name: string;
  /** undefined when nobody knows. */
  readonly #total: bigint | undefined;
  #done = 0n;
  #drawnMs = 0;

  constructor(terminal: Terminal, name: string, total: bigint | undefined) {
    const { stderr } = terminal.streams;
    const shown = stderr.isTTY === true && !terminal.json && !terminal.quiet;
    this.#area = shown ? new LiveArea(stderr) : undefined;
    this.#name = name;
    this.#total = total;
  }

  get doneBytes(): bigint {
    return this.#done;
  }

  add(bytes: number): void {
    this.#done += BigInt(bytes);
    if (this.#area === undefined) return;
    const now = performance.now();
    if (now - this.#drawnMs < DRAW_MS && this.#done !== this.#total) return;
    this.#drawnMs = now;
    this.#area.draw([transferLine(this.#name, this.#done, this.#total, this.#area.width)]);
  }

  [Symbol.dispose](): void {
    this.#area?.[Symbol.dispose]();
  }
}

/** `web.iso  [#####.....]  50.0 %  1.0 GiB of 2.0 GiB` */
export function transferLine(name: string, done: bigint, total: bigint | undefined, width: number): string {
  if (total === undefined) return `${clean(name)}  ${formatBytes(done)}`;
  const percent = total === 0n ? 100 : (100 * Number(done)) / Number(total);
  const right = `${percent.toFixed(1).padStart(5)} %  ${formatBytes(done)} of ${formatBytes(total)}`;
  const room = Math.min(50, width - clean(name).length - right.length - 8);
  return room < 8 ? `${clean(name)}  ${right}` : `${clean(name)}  ${bar(percent, room)}  ${right}`;
}
