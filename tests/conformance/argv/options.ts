/** One option of QEMU with its properties flattened: nested JSON as `server.0.host`, all values as text. */
export interface QemuOption {
  readonly name: string;
  readonly properties: Properties;
}
export type Properties = Map<string, string>;

/** The property that a first word without `=` stands for. */
const IMPLIED: Readonly<Record<string, string>> = {
  "-accel": "accel",
  "-audiodev": "driver",
  "-blockdev": "driver",
  "-boot": "order",
  "-chardev": "backend",
  "-cpu": "model",
  "-device": "driver",
  "-display": "type",
  "-fsdev": "fsdriver",
  "-fw_cfg": "name",
  "-m": "size",
  "-machine": "type",
  "-name": "guest",
  "-netdev": "type",
  "-numa": "type",
  "-object": "qom-type",
  "-sandbox": "enable",
  "-smp": "cpus",
  "-tpmdev": "type",
  "-vnc": "display",
};

/** Options with properties and no word of their own in front. */
const KEYED = new Set([
  ...["-action", "-add-fd", "-compat", "-drive", "-global", "-incoming", "-mon", "-msg", "-overcommit"],
  ...["-rtc", "-smbios", "-spice", "-acpitable"],
]);

/** Whether this option stands alone, or takes the word after it whatever that is. */
const FLAGS = new Set([
  "-S",
  "-no-user-config",
  "-nodefaults",
  "-no-acpi",
  "-no-hpet",
  "-no-reboot",
  "-no-shutdown",
  "-nographic",
  "-daemonize",
  "-mem-prealloc",
]);

/** The options of an argument vector, in order. */
export function readOptions(args: readonly string[]): readonly QemuOption[] {
  const options: QemuOption[] = [];
  for (let i = 0; i < args.length; i += 1) {
    const name = args[i] ?? "";
    const next = args[i + 1];
    if (FLAGS.has(name) || next === undefined || !takesValue(name, next)) {
      options.push({ name, properties: new Map() });
      continue;
    }
    i += 1;
    options.push({ name, properties: propertiesOf(name, next) });
  }
  return options;
}

function takesValue(name: string, next: string): boolean {
  return name in IMPLIED || KEYED.has(name) || !next.startsWith("-");
}

function propertiesOf(name: string, value: string): Properties {
  if (value.startsWith("{")) return flatten(JSON.parse(value, wholeNumbers as never));
  if (!(name in IMPLIED) && !KEYED.has(name)) return new Map([["value", value]]);
  return readPairs(value, IMPLIED[name]);
}

/** Numbers past 2^53 keep all their digits: Node gives the text of each number. */
function wholeNumbers(_key: string, value: unknown, context: { readonly source?: string }): unknown {
  return typeof value === "number" ? (context.source ?? String(value)) : value;
}

function flatten(value: unknown, prefix = "", into: Properties = new Map()): Properties {
  if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      flatten(inner, prefix === "" ? key : `${prefix}.${key}`, into);
    }
  } else if (typeof value === "boolean") into.set(prefix, value ? "on" : "off");
  else into.set(prefix, String(value));
  return into;
}

/** `a,b=c,,d,e`: two commas are one of the value; a word without `=` is a switch. */
function readPairs(text: string, implied: string | undefined): Properties {
  const pairs: Properties = new Map();
  for (const [i, part] of splitCommas(text).entries()) {
    const at = part.indexOf("=");
    const [key, value] =
      at >= 0
        ? [part.slice(0, at), part.slice(at + 1)]
        : i === 0 && implied !== undefined
          ? [implied, part]
          : [part.replace(/^[+-]/, ""), part.startsWith("-") ? "off" : "on"];
    const before = pairs.get(key);
    pairs.set(key, before === undefined ? value : [...before.split("\n"), value].toSorted().join("\n"));
  }
  return pairs;
}

function splitCommas(text: string): readonly string[] {
  return text
    .replaceAll(",,", "\0")
    .split(",")
    .map((part) => part.replaceAll("\0", ","));
}
