import type { ClassSource } from "./class-source.ts";

/** What one page of Microsoft's reference says: a class, or a method of one. */
export type Page =
  | { readonly kind: "class"; readonly name: string; readonly source: ClassSource }
  | {
      readonly kind: "method";
      readonly className: string;
      readonly name: string;
      readonly parameters: readonly string[];
    };

const SCALARS = new Set([
  ...["string", "boolean", "datetime", "char16", "real32", "real64"],
  ...["uint8", "uint16", "uint32", "uint64", "sint8", "sint16", "sint32", "sint64"],
]);

/** Reads the MOF of a page, and which of its properties are keys; undefined for pages about something else. */
export function readPage(markdown: string): Page | undefined {
  const text = markdown.replaceAll("\r", "");
  const mof = /```\s*(?:syntax|mof)\s*\n([\s\S]*?)```/i.exec(text)?.[1];
  if (mof === undefined) return undefined;
  return readClass(mof, text) ?? readMethod(mof, text);
}

function readClass(mof: string, page: string): Page | undefined {
  const [, name, base, body] = /^class\s+(\w+)\s*(?::\s*(\w+))?\s*\{([\s\S]*?)^\}/m.exec(mof) ?? [];
  if (name === undefined || body === undefined) return undefined;
  const properties: Record<string, string> = {};
  const defaults: Record<string, string> = {};
  for (const line of body.split("\n")) {
    const [, type = "", ref, property, array = "", value] =
      /^\s*(?:\[[^\]]*\]\s*)?(\w+)\s+(REF\s+)?(\w+)\s*(\[\d*\])?\s*(?:=\s*(.*?))?;?\s*$/.exec(line) ?? [];
    if (property === undefined) continue;
    properties[property] = typeOf(type, ref !== undefined, array !== "");
    if (value !== undefined) defaults[property] = value;
  }
  const keys = Object.keys(properties).filter((property) => isKey(page, property));
  const writable = Object.keys(properties).filter((property) => isWritable(page, property));
  return {
    kind: "class",
    name,
    source: {
      ...(base === undefined ? {} : { base }),
      ...(writable.length === 0 ? {} : { writable }),
      ...{ keys, properties, defaults, methods: {} },
    },
  };
}

/** Pages spell a few types in letters of their own: `DateTime`. */
function typeOf(type: string, isReference: boolean, isArray: boolean): string {
  const known = SCALARS.has(type.toLowerCase()) ? type.toLowerCase() : type;
  return `${known}${isReference ? " REF" : ""}${isArray ? "[]" : ""}`;
}

function isKey(page: string, property: string): boolean {
  const qualifiers = /Qualifiers:(.*)/.exec(partOf(page, property))?.[1] ?? "";
  return /\*\*Key\*\*/i.test(qualifiers);
}

function isWritable(page: string, property: string): boolean {
  return /Access type: *Read\/write/i.test(partOf(page, property));
}

/** The part about a property lists its access and its qualifiers. */
function partOf(page: string, property: string): string {
  const [, part] = page.split(new RegExp(`^\\*\\*${property}\\*\\*\\s*$`, "m"), 2);
  return part?.split(/^\*\*\w+\*\*\s*$/m, 1)[0] ?? "";
}

function readMethod(mof: string, page: string): Page | undefined {
  const [, className] = /^title:.*\bmethod of the (\w+) class/im.exec(page.replaceAll("\\", "")) ?? [];
  const [, name, body] = /^\s*\w+\s+(\w+)\(([\s\S]*?)\);/m.exec(mof) ?? [];
  if (className === undefined || name === undefined || body === undefined) return undefined;
  const parameters: string[] = [];
  for (const line of body.split("\n")) {
    const [, direction, type = "", ref, parameter, array = ""] =
      /^\s*\[([^\]]*)\]\s*(\w+)\s+(REF\s+)?(\w+)\s*(\[\d*\])?/.exec(line) ?? [];
    if (parameter === undefined || direction === undefined) continue;
    const words = direction.split(/[\s,]+/).map((word) => word.toLowerCase());
    const way = words.filter((word) => word === "in" || word === "out").join("+");
    parameters.push(`${way} ${typeOf(type, ref !== undefined, array !== "")} ${parameter}`);
  }
  return { kind: "method", className, name, parameters };
}

/** The classes of pages with their methods; what a class inherits is left to its base where that has a page too. */
export function collectClasses(pages: readonly Page[]): Readonly<Record<string, ClassSource>> {
  const classes = new Map<string, ClassSource>();
  for (const page of pages) if (page.kind === "class") classes.set(page.name, page.source);
  for (const page of pages) {
    const source = page.kind === "method" ? classes.get(page.className) : undefined;
    if (page.kind !== "method" || source === undefined) continue;
    classes.set(page.className, { ...source, methods: { ...source.methods, [page.name]: page.parameters } });
  }
  const names = [...classes.keys()].sort();
  return Object.fromEntries(names.map((name) => [name, withoutInherited(name, classes)]));
}

function withoutInherited(name: string, classes: ReadonlyMap<string, ClassSource>): ClassSource {
  const own = classes.get(name) ?? { keys: [], properties: {}, defaults: {}, methods: {} };
  const base = classes.get(own.base ?? "");
  if (base === undefined) return own;
  const inherited = allProperties(own.base, classes);
  const absent = isWhole(own, inherited)
    ? Object.keys(inherited).filter((key) => !(key in own.properties))
    : [];
  return {
    ...own,
    ...(absent.length === 0 ? {} : { absent }),
    keys: own.keys.filter((key) => !base.keys.includes(key)),
    properties: differing(own.properties, inherited),
    methods: differing(own.methods, base.methods),
  };
}

/** What a class has with all that its bases have, also where a page between leaves it out. */
function allProperties(
  name: string | undefined,
  classes: ReadonlyMap<string, ClassSource>,
): Readonly<Record<string, string>> {
  const own = classes.get(name ?? "");
  if (own === undefined) return {};
  return { ...allProperties(own.base, classes), ...own.properties };
}

/** Most pages repeat what a class has from its bases, but for what it hides; a few name only what it adds. */
function isWhole(own: ClassSource, inherited: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(inherited);
  return names.filter((key) => key in own.properties).length * 2 >= names.length;
}

function differing<T>(
  values: Readonly<Record<string, T>>,
  inherited: Readonly<Record<string, T>>,
): Readonly<Record<string, T>> {
  return Object.fromEntries(
    Object.entries(values).filter(([key, value]) => JSON.stringify(inherited[key]) !== JSON.stringify(value)),
  );
}
