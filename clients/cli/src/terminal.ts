import type { Readable } from "node:stream";
import { clean, type Column, formatFields, formatTable } from "./output/table.ts";

/** The three streams of a command; a test gives its own. */
export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean | undefined; setRawMode?(raw: boolean): unknown };
  readonly stdout: OutStream;
  readonly stderr: OutStream;
}

export interface OutStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(data: string | Uint8Array): boolean;
}

/** Where a command speaks: tables and sentences for people, or JSON for programs. */
export class Terminal {
  readonly streams: Streams;
  readonly json: boolean;
  readonly quiet: boolean;

  constructor(streams: Streams, options: { readonly json: boolean; readonly quiet: boolean }) {
    this.streams = streams;
    this.json = options.json;
    this.quiet = options.quiet;
  }

  /** Text for people as it is: a document, a value that scripts read. */
  print(text: string): void {
    this.streams.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
  }

  /** What was done. Not with --json, and not with -q. */
  say(sentence: string): void {
    if (!this.json && !this.quiet) this.print(sentence);
  }

  /** One JSON object in one line. */
  object(value: unknown): void {
    this.streams.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** For standard error, whatever the form of the output. */
  note(sentence: string): void {
    this.streams.stderr.write(`${sentence}\n`);
  }

  table<T>(columns: readonly Column<T>[], rows: readonly T[]): void {
    for (const line of formatTable(columns, rows, this.quiet)) this.print(line);
  }

  fields(fields: readonly (readonly [string, string | undefined])[]): void {
    for (const line of formatFields(fields)) this.print(line);
  }

  /** A list with gaps says so. */
  unreachable(hosts: readonly string[]): void {
    for (const host of hosts) this.note(`unreachable: ${clean(host)}`);
  }
}
