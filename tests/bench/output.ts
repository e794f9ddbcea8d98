import { loadavg } from "node:os";
import { round, table } from "./statistics.ts";

/** Where results go: tables for people, or a JSON line each. */
export class Output {
  readonly #json: boolean;

  constructor(json: boolean) {
    this.#json = json;
  }

  /** What is going on, for whoever waits; never on stdout. */
  progress(text: string): void {
    process.stderr.write(`${text} (load ${loadavg()[0]?.toFixed(1) ?? "?"})\n`);
  }

  /** One measurement. */
  result(value: Readonly<Record<string, unknown>>): void {
    if (this.#json) process.stdout.write(`${encode(value)}\n`);
  }

  /** A table with a title; the first row is its head. */
  table(title: string, rows: readonly (readonly string[])[]): void {
    if (!this.#json) process.stdout.write(`\n${title}\n${table(rows)}\n`);
  }

  /** The last line: what a program reads. */
  summary(value: Readonly<Record<string, unknown>>): void {
    const load = loadavg().map((l) => round(l));
    process.stdout.write(`${encode({ ...value, load_average: load })}\n`);
  }
}

/** Numbers of three digits, at every depth. */
function encode(value: unknown): string {
  return JSON.stringify(value, (_key, v: unknown) => (typeof v === "number" ? round(v, 3) : v));
}
