import { MICROSOFT_CLASSES } from "../gen/microsoft-schema.ts";
import type { ClassSource } from "./class-source.ts";
import { COUNTER_CLASSES } from "./counter-classes.ts";
import { SYSTEM_CLASSES } from "./system-classes.ts";

export interface ElementType {
  /** As in MOF, `uint16`; the name of a class for references and embedded instances. */
  readonly name: string;
  readonly isArray: boolean;
  readonly isReference: boolean;
}

export interface Parameter {
  readonly name: string;
  readonly type: ElementType;
  readonly in: boolean;
  readonly out: boolean;
}

export interface CimClass {
  readonly name: string;
  /** What it is besides itself, the nearest first. */
  readonly bases: readonly string[];
  readonly keys: readonly string[];
  readonly writable: readonly string[];
  /** In the order of the alphabet, as Windows writes them. */
  readonly properties: ReadonlyMap<string, ElementType>;
  /** As written in MOF. */
  readonly defaults: Readonly<Record<string, string>>;
  readonly methods: ReadonlyMap<string, readonly Parameter[]>;
}

/** What the reference leaves out or has wrong, and where that is known from. */
const CORRECTIONS: Readonly<Record<string, Partial<ClassSource>>> = {
  // Answers recorded from a host (go-wsman, October 2026) have these three.
  Msvm_ComputerSystem: {
    properties: {
      HwThreadsPerCoreRealized: "uint32",
      ManagementVtlImageFileName: "string",
      ManagementVtlImageVersion: "string",
    },
  },
  // Their keys stand with bases that have no page.
  Win32_OperatingSystem: { keys: ["Name"] },
  Win32_ComputerSystem: { keys: ["Name"] },
  Win32_Processor: { keys: ["DeviceID"] },
  Win32_LogicalDisk: { keys: ["DeviceID"] },
  Win32_NetworkAdapter: { keys: ["DeviceID"] },
  Win32_PerfRawData: { keys: ["Name"] },
};

const SOURCES: Readonly<Record<string, ClassSource>> = {
  ...MICROSOFT_CLASSES,
  ...COUNTER_CLASSES,
  ...SYSTEM_CLASSES,
};

function sourceOf(name: string): ClassSource | undefined {
  const source = SOURCES[name];
  const correction = CORRECTIONS[name];
  if (source === undefined || correction === undefined) return source;
  return {
    ...source,
    ...correction,
    properties: { ...source.properties, ...correction.properties },
  };
}

const NAMES = new Map(Object.keys(SOURCES).map((name) => [name.toLowerCase(), name]));
const resolved = new Map<string, CimClass>();

/** A class by its name in whatever case; undefined for one that Microsoft's reference does not know. */
export function findClass(name: string): CimClass | undefined {
  const exact = NAMES.get(name.toLowerCase());
  if (exact === undefined) return undefined;
  const known = resolved.get(exact) ?? resolve(exact);
  resolved.set(exact, known);
  return known;
}

/** A class that the simulator itself names. */
export function needClass(name: string): CimClass {
  const found = findClass(name);
  if (found === undefined) throw new Error(`Microsoft's reference has no class ${name}`);
  return found;
}

function resolve(name: string): CimClass {
  const chain: ClassSource[] = [];
  const bases: string[] = [];
  for (let at: string | undefined = name; at !== undefined; ) {
    const source: ClassSource | undefined = sourceOf(at);
    if (source === undefined) break;
    chain.unshift(source);
    at = source.base;
    if (at !== undefined) bases.push(at);
  }
  const properties = new Map<string, ElementType>();
  const methods = new Map<string, readonly Parameter[]>();
  for (const source of chain) {
    for (const [key, type] of Object.entries(source.properties)) properties.set(key, parseType(type));
    for (const [key, parameters] of Object.entries(source.methods))
      methods.set(key, parameters.map(parameter));
  }
  // A page hides it for its own class only: those below it name it again, or repeat nothing at all.
  for (const absent of chain.at(-1)?.absent ?? []) properties.delete(absent);
  // Four pages write it as a number.
  if (properties.has("CreationClassName")) properties.set("CreationClassName", parseType("string"));
  const sorted = [...properties].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    ...{ name, bases, methods },
    defaults: chain.at(-1)?.defaults ?? {},
    // A page says it of what the class has from its bases too.
    writable: chain.at(-1)?.writable ?? [],
    keys: CORRECTIONS[name]?.keys ?? keysOf(chain, sorted),
    properties: new Map(sorted),
  };
}

/**
 * WMI lets no class add keys to those of its base, though many pages mark InstanceID as one. An association has the
 * references that it is made of.
 */
function keysOf(
  chain: readonly ClassSource[],
  properties: readonly (readonly [string, ElementType])[],
): readonly string[] {
  const keys = chain.find((source) => source.keys.length > 0)?.keys;
  return keys ?? properties.filter(([, type]) => type.isReference).map(([name]) => name);
}

export function isA(cimClass: CimClass, name: string): boolean {
  const wanted = name.toLowerCase();
  return cimClass.name.toLowerCase() === wanted || cimClass.bases.some((b) => b.toLowerCase() === wanted);
}

/** The name of a property as the class writes it. */
export function propertyName(cimClass: CimClass, name: string): string | undefined {
  if (cimClass.properties.has(name)) return name;
  const wanted = name.toLowerCase();
  return [...cimClass.properties.keys()].find((key) => key.toLowerCase() === wanted);
}

function parameter(text: string): Parameter {
  const [, way = "", type = "", name = ""] = /^(\S+) (.+) (\S+)$/.exec(text) ?? [];
  const ways = way.split("+");
  return { name, type: parseType(type), in: ways.includes("in"), out: ways.includes("out") };
}

function parseType(text: string): ElementType {
  const [, name = "", reference, array] = /^(\w+)( REF)?(\[\])?$/.exec(text) ?? [];
  return { name, isArray: array !== undefined, isReference: reference !== undefined };
}
