import { findClass, needClass } from "../schema/classes.ts";
import { type Instance, isReference, type KeyValue, type Reference, valueText } from "./value.ts";

export type Namespace = "root/virtualization/v2" | "root/cimv2";

/** Classes about Windows itself are in one namespace, all others in that of Hyper-V. */
export function namespaceOf(className: string): Namespace {
  return /^(win32_|cim_datafile$)/i.test(className) ? "root/cimv2" : "root/virtualization/v2";
}

export function reference(className: string, keys: Readonly<Record<string, KeyValue>>): Reference {
  return { kind: "reference", className, keys };
}

export function referenceTo(instance: Instance): Reference {
  const keys = needClass(instance.className).keys.map((key): readonly [string, KeyValue] => {
    const value = instance.values[key];
    return [key, isReference(value) ? value : valueText(value)];
  });
  return reference(instance.className, Object.fromEntries(keys));
}

/** The same text for the same instance, however its name and keys are written: WMI compares without regard to case. */
export function identity({ className, keys }: Reference): string {
  const parts = Object.entries(keys)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : `{${identity(value)}}`}`)
    .sort();
  return `${className}.${parts.join(",")}`.toLowerCase();
}

/** `\\HOST\root\virtualization\v2:Class.Key="value"`, as WMI writes it into properties. */
export function objectPath(host: string, { className, keys }: Reference): string {
  const written = Object.entries(keys).map(([name, value]) => {
    const text = typeof value === "string" ? value : objectPath(host, value);
    return `${name}="${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
  });
  return `\\\\${host}\\${namespaceOf(className).replaceAll("/", "\\")}:${className}.${written.join(",")}`;
}

/** Reads an object path, with or without host and namespace; undefined when it is none. */
export function parseObjectPath(path: string): Reference | undefined {
  const [, className, written] = /^(?:\\\\[^\\]+\\[^:]+:)?(\w+)\.(.+)$/s.exec(path) ?? [];
  if (className === undefined || written === undefined || findClass(className) === undefined)
    return undefined;
  const keys: Record<string, string> = {};
  let rest = written;
  while (rest !== "") {
    const match = /^\s*(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(\w+))\s*(?:,|$)/s.exec(rest);
    if (match?.[1] === undefined) return undefined;
    keys[match[1]] = (match[2] ?? match[3] ?? match[4] ?? "").replaceAll(/\\(.)/gs, "$1");
    rest = rest.slice(match[0].length);
  }
  return reference(className, keys);
}
