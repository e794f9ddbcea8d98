import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { messageOf, VirtError } from "@virtmesh/core/errors";
import { EarlyExit } from "./early-exit.ts";

/** How a value is written, and read. */
export interface Kind<T> {
  /** The allowed form, for help and errors: `a number from 1 to 65535`. */
  readonly form: string;
  /** Undefined when the text does not have the form. */
  parse(text: string): T | undefined;
  /** A flag that stands alone: `--debug`. */
  readonly isSwitch?: true;
}

export interface Option<T> {
  /** The long flag without its dashes. */
  readonly flag: string;
  /** The environment variable, `VIRTMESH_...`. */
  readonly env: string;
  readonly help: string;
  readonly type: Kind<T>;
  readonly default?: NoInfer<T>;
  readonly required?: true;
}

type AnyOption = Omit<Option<unknown>, "type" | "default"> & {
  readonly type: Kind<unknown>;
  readonly default?: unknown;
};
type Options = Readonly<Record<string, AnyOption>>;
type TypeOf<O> = O extends { readonly type: Kind<infer T> } ? T : never;
type IsSet<O> = O extends { readonly required: true } ? true : "default" extends keyof O ? true : false;

/** What `parse` gives: options that are required or have a default are always there. */
export type Values<S extends Options> = {
  readonly [K in keyof S]: IsSet<S[K]> extends true ? TypeOf<S[K]> : TypeOf<S[K]> | undefined;
};

export interface Config<S extends Options> {
  /**
   * Reads flags, then environment, then the JSON file of `--config` or VIRTMESH_CONFIG (keys as in the definition),
   * then defaults. Throws INVALID_FIELD naming the flag, variable or key and the allowed form, and EarlyExit for
   * `--help` and `--version`. `argv` is without node and script.
   */
  parse(argv: readonly string[], env: NodeJS.ProcessEnv): Values<S>;
  help(): string;
}

export interface Program {
  readonly name: string;
  readonly version: string;
  readonly summary: string;
}

export const text: Kind<string> = { form: "a text", parse: (t) => (t === "" ? undefined : t) };

export const toggle: Kind<boolean> = {
  form: "true or false",
  isSwitch: true,
  parse: (t) => (t === "true" || t === "1" ? true : t === "false" || t === "0" ? false : undefined),
};

export function integer(min: number, max: number): Kind<number> {
  return {
    form: `a whole number from ${min} to ${max}`,
    parse: (t) => {
      const n = Number(t);
      return /^-?\d+$/.test(t) && n >= min && n <= max ? n : undefined;
    },
  };
}

export function oneOf<const T extends string>(...allowed: readonly T[]): Kind<T> {
  return { form: `one of ${allowed.join(", ")}`, parse: (t) => allowed.find((a) => a === t) };
}

/** Several values with commas between them. */
export const list: Kind<readonly string[]> = {
  form: "values with commas between them",
  parse: (t) =>
    t
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== ""),
};

/** `key=value` pairs with commas between them. */
export const pairs: Kind<Readonly<Record<string, string>>> = {
  form: "key=value pairs with commas between them",
  parse: (t) => {
    const entries = t
      .split(",")
      .filter((part) => part !== "")
      .map((part) => /^\s*([^=\s]+)=(.*?)\s*$/.exec(part));
    return entries.every((m) => m !== null)
      ? Object.fromEntries(entries.map((m) => [m[1], m[2]]))
      : undefined;
  },
};

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** A length of time such as `250ms`, `10s`, `5m` or `1h`; the value is in milliseconds. */
export const duration: Kind<number> = {
  form: "a length of time such as 250ms, 10s, 5m or 1h",
  parse: (t) => {
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(t);
    return match?.[2] === undefined ? undefined : Number(match[1]) * UNITS[match[2] as keyof typeof UNITS];
  },
};

const SIZES = { "": 0n, K: 10n, M: 20n, G: 30n, T: 40n } as const;

/** A number of bytes such as `4096`, `512K`, `100M` or `10G`. */
export const size: Kind<bigint> = {
  form: "a number of bytes such as 512K, 100M or 10G",
  parse: (t) => {
    const match = /^(\d{1,15})([KMGT]?)$/.exec(t);
    return match?.[1] === undefined ? undefined : BigInt(match[1]) << SIZES[match[2] as keyof typeof SIZES];
  },
};

export function defineConfig<const S extends Options>(options: S, program: Program): Config<S> {
  const help = (): string => helpText(options, program);
  return {
    help,
    parse(argv, env) {
      const flags = readFlags(options, argv);
      if (flags["help"] === true) throw new EarlyExit(help());
      if (flags["version"] === true) throw new EarlyExit(`${program.name} ${program.version}\n`);
      const file = readFile(
        options,
        typeof flags["config"] === "string" ? flags["config"] : env["VIRTMESH_CONFIG"],
      );
      const values = Object.entries(options).map(([key, option]) => [
        key,
        valueOf(key, option, flags, env, file),
      ]);
      // Each value was checked against its own option; the record as a whole is beyond what the types can follow.
      return Object.fromEntries(values) as Values<S>;
    },
  };
}

type Flags = Readonly<Record<string, string | boolean | undefined>>;

function readFlags(options: Options, argv: readonly string[]): Flags {
  const known: Record<string, { type: "string" | "boolean" }> = {
    help: { type: "boolean" },
    version: { type: "boolean" },
    config: { type: "string" },
  };
  for (const { flag, type } of Object.values(options))
    known[flag] = { type: type.isSwitch ? "boolean" : "string" };
  try {
    return { ...parseArgs({ args: [...argv], options: known, allowNegative: true }).values };
  } catch (cause) {
    // Node's text names the flag; its advice about positional arguments after the first sentence does not apply.
    const said = messageOf(cause).split(/\.\s/)[0]?.replace(/\.$/, "");
    throw new VirtError("INVALID_FIELD", `${said}; see --help`, {}, { cause });
  }
}

function readFile(options: Options, path: string | undefined): Readonly<Record<string, unknown>> {
  if (!path) return {};
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new VirtError(
      "INVALID_FIELD",
      `the configuration file ${path} cannot be read: ${messageOf(cause)}`,
      {},
      { cause },
    );
  }
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    throw new VirtError("INVALID_FIELD", `the configuration file ${path} must hold a JSON object`);
  }
  const unknown = Object.keys(content).filter((key) => !Object.hasOwn(options, key));
  if (unknown.length > 0) {
    const allowed = Object.keys(options).join(", ");
    throw new VirtError(
      "INVALID_FIELD",
      `the configuration file ${path} has unknown keys ${unknown.join(", ")}; known are ${allowed}`,
    );
  }
  return content as Record<string, unknown>;
}

function valueOf(
  key: string,
  option: AnyOption,
  flags: Flags,
  env: NodeJS.ProcessEnv,
  file: Readonly<Record<string, unknown>>,
): unknown {
  const flag = flags[option.flag];
  if (flag !== undefined) return parsed(option, String(flag), `--${option.flag}`);
  const variable = env[option.env];
  if (variable !== undefined && variable !== "") return parsed(option, variable, option.env);
  if (Object.hasOwn(file, key))
    return parsed(option, jsonText(file[key]), `"${key}" in the configuration file`);
  if (option.default !== undefined) return option.default;
  if (option.required !== true) return undefined;
  throw new VirtError(
    "INVALID_FIELD",
    `--${option.flag} or ${option.env} is missing: ${option.help}; write ${option.type.form}`,
  );
}

function parsed(option: AnyOption, written: string, where: string): unknown {
  const value = option.type.parse(written);
  if (value === undefined) {
    throw new VirtError("INVALID_FIELD", `${where} is "${written}", write ${option.type.form}`);
  }
  return value;
}

/** JSON values in the notation of flags: lists with commas, objects as pairs. */
function jsonText(value: unknown): string {
  if (Array.isArray(value)) return value.map(String).join(",");
  if (typeof value === "object" && value !== null) {
    return Object.entries(value)
      .map(([k, v]) => `${k}=${String(v)}`)
      .join(",");
  }
  return String(value);
}

function helpText(options: Options, program: Program): string {
  const rows = Object.values(options).map((o) => {
    const left = `--${o.flag}${o.type.isSwitch ? "" : " <value>"}`;
    const state = o.required ? "required" : o.default === undefined ? "" : `default ${jsonText(o.default)}`;
    return {
      left,
      right: [o.help, o.type.isSwitch ? "" : o.type.form, state, o.env].filter((s) => s !== "").join("; "),
    };
  });
  rows.push(
    { left: "--config <value>", right: "a JSON file with the same options by name; VIRTMESH_CONFIG" },
    { left: "--help, --version", right: "print this, or the version, and end" },
  );
  const width = Math.max(...rows.map((r) => r.left.length));
  const lines = rows.map((r) => `  ${r.left.padEnd(width)}  ${r.right}`);
  return `${program.name} - ${program.summary}\n\nOptions (a flag wins over its variable, that over the file):\n${lines.join("\n")}\n`;
}
