import { VirtError } from "@virtmesh/core/errors";
import type { Session } from "./session.ts";

/** What a word on the command line stands for: shell completion asks the mesh, or for files the shell, for it. */
export type Completes = "domain" | "uri" | "file" | "operation" | "pool" | "volume" | "none" | "guest-disk";

export interface VerbArgument {
  /** As help shows it: `domain`, `file`. */
  readonly name: string;
  readonly help: string;
  readonly optional?: boolean;
  readonly variadic?: boolean;
  readonly completes?: Completes;
  readonly choices?: readonly string[];
}

export interface VerbOption {
  /** As commander reads it: `-a, --all`, `--dname <name>`. */
  readonly flags: string;
  readonly help: string;
  readonly completes?: Completes;
  readonly choices?: readonly string[];
  /** May be given several times. */
  readonly repeatable?: boolean;
}

export const GROUPS = [
  "Guests",
  "Guest state",
  "Devices and screens",
  "Snapshots and saved guests",
  "Storage",
  "Migration",
  "Events and operations",
  "Fleet",
  "Shell",
] as const;
export type Group = (typeof GROUPS)[number];

/** A command of the command line, as data: help, completion and the reference are made from it. */
export interface Verb {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly group: Group;
  readonly summary: string;
  readonly args?: readonly VerbArgument[];
  readonly options?: readonly VerbOption[];
  /** Shown under the options. */
  readonly notes?: string;
  /** Not in help. */
  readonly hidden?: boolean;
  run(session: Session, given: Given): Promise<void>;
}

export const DOMAIN_ARGUMENT: VerbArgument = {
  name: "domain",
  help: "name or UUID, with or without its connection (qemu://host-a/system/NAME)",
  completes: "domain",
};

/** What was written after a verb. The parser has checked that what is required is there. */
export class Given {
  readonly #args: readonly (string | readonly string[] | undefined)[];
  readonly #options: Readonly<Record<string, unknown>>;

  constructor(
    args: readonly (string | readonly string[] | undefined)[],
    options: Readonly<Record<string, unknown>>,
  ) {
    this.#args = args;
    this.#options = options;
  }

  /** Positional argument; "" when an optional one was left out. */
  arg(index: number): string {
    const value = this.#args[index];
    return typeof value === "string" ? value : "";
  }

  /** The variadic argument. */
  rest(index: number): readonly string[] {
    const value = this.#args[index];
    return value === undefined ? [] : typeof value === "string" ? [value] : value;
  }

  flag(name: string): boolean {
    return this.#options[name] === true;
  }

  text(name: string): string {
    const value = this.#options[name];
    return typeof value === "string" ? value : "";
  }

  texts(name: string): readonly string[] {
    const value = this.#options[name];
    return Array.isArray(value) ? value.map(String) : [];
  }

  /** A number that must not be negative; undefined when the option was left out. */
  number(name: string): number | undefined {
    const text = this.text(name);
    return text === "" ? undefined : parseNumber(`--${name}`, text);
  }
}

export function parseNumber(what: string, text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || !Number.isFinite(value)) {
    throw new VirtError("INVALID_FIELD", `${what} must be a number that is not negative, not "${text}"`);
  }
  return value;
}
