import { VirtError } from "@virtmesh/core/errors";
import { jsonText } from "../qmp/json.ts";

export type Value = string | number | bigint | boolean | undefined;

/** A JSON object for -device, -blockdev, ...; undefined members are left out. */
export type Json = { readonly [key: string]: JsonValue };
export type JsonValue = string | number | bigint | boolean | null | undefined | Json | readonly JsonValue[];

/** `key=value` pairs; several values give the key several times. */
export type Options = Readonly<Record<string, Value | readonly string[]>>;

/** The arguments of one QEMU, in order. Values never meet a shell; commas in `key=value` lists are doubled. */
export class Arguments {
  private readonly list: string[] = [];

  get all(): readonly string[] {
    return this.list;
  }

  flag(name: string, ...values: readonly string[]): void {
    this.list.push(name, ...values);
  }

  /** `-name kind,key=value,...`; undefined values are left out, booleans are on and off. */
  options(name: string, kind: string | undefined, values: Options): void {
    this.list.push(name, optionList(kind, values));
  }

  json(name: string, value: Json): void {
    this.list.push(name, jsonText(value));
  }
}

/** `kind,key=value,...`; undefined values are left out, booleans are on and off. */
export function optionList(kind: string | undefined, values: Options): string {
  const pairs = Object.entries(values).flatMap(([key, value]) => {
    if (value === undefined) return [];
    const each = Array.isArray(value) ? (value as readonly string[]) : [value as Exclude<Value, undefined>];
    return each.map((one) => `${key}=${optionText(one)}`);
  });
  return [...(kind === undefined ? [] : [kind]), ...pairs].join(",");
}

function optionText(value: Exclude<Value, undefined>): string {
  if (typeof value === "boolean") return value ? "on" : "off";
  return String(value).replaceAll(",", ",,");
}

/** The error for what this agent or this QEMU cannot do; the path is that of the element in the document. */
export function unsupported(path: string, what: string): VirtError {
  const place = `/domain/${path}`;
  return new VirtError("CONFIG_UNSUPPORTED", `${what} (${place})`, {
    metadata: { path: place },
    violations: [{ field: place, description: what }],
  });
}
