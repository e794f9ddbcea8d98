import type { Entry, Host } from "./graph.ts";
import type { Properties, QemuOption } from "./options.ts";

/**
 * Options of the process itself: its monitor, its confinement, who ends it. They do not change the guest, and every
 * manager of hosts has its own.
 */
const PROCESS = new Set([
  ...["-S", "-no-user-config", "-nodefaults", "-msg", "-sandbox", "-mon", "-add-fd", "-incoming", "-pidfile"],
  ...["-no-shutdown", "-no-reboot", "-daemonize"],
]);

/** What is neither a device nor a backend, each in its one form. */
export function settingsOf(options: readonly QemuOption[], host: Host): readonly Entry[] {
  const entries: Entry[] = [];
  const add = (label: string, properties: Properties, place = "") => {
    if (properties.size > 0) entries.push({ label, place, properties });
  };
  const ram = memoryBytes(options);
  const kvm = options.some((o) => o.name === "-accel" && o.properties.get("accel") === "kvm");
  for (const { name, properties } of options) {
    if (PROCESS.has(name)) continue;
    switch (name) {
      case "-machine":
      case "-no-acpi":
      case "-no-hpet":
        break;
      case "-accel":
        add("accelerator", properties);
        break;
      case "-name":
        add("name", only(properties, ["guest"]));
        break;
      case "-m":
        add("memory", memory(properties));
        break;
      case "-smp":
        add("processors", processors(properties));
        break;
      case "-cpu":
        add("cpu", cpu(properties));
        break;
      case "-global":
        // KVM's own timer is not there without KVM.
        if (!isKvmOnly(properties) || kvm) add(...global(properties));
        break;
      case "-action":
        add("watchdog action", only(properties, ["watchdog"]));
        break;
      case "-watchdog-action":
        add("watchdog action", new Map([["watchdog", properties.get("value") ?? ""]]));
        break;
      case "-display":
        // Without a window of its own: said by one, meant by the other through -vnc or -spice.
        if (properties.get("type") !== "none") add("display", properties);
        break;
      case "-vnc":
        add("vnc", vnc(properties));
        break;
      case "-overcommit":
        add("overcommit", without(properties, { "mem-lock": "off", "cpu-pm": "off" }));
        break;
      case "-numa":
        add(`numa ${properties.get("type")}`, properties, numaPlace(properties));
        break;
      case "-smbios":
      case "-fw_cfg":
        add(`setting ${name}`, properties, `${properties.get("type") ?? properties.get("name")}`);
        break;
      default:
        entries.push({ label: `setting ${name}`, place: "", properties });
    }
  }
  add("machine", machine(options, host, ram));
  return entries;
}

function only(properties: Properties, names: readonly string[]): Properties {
  return new Map([...properties].filter(([name]) => names.includes(name)));
}

function without(properties: Properties, defaults: Readonly<Record<string, string>>): Properties {
  return new Map([...properties].filter(([name, value]) => defaults[name] !== value));
}

/** -machine with what older options said beside it. */
function machine(options: readonly QemuOption[], host: Host, ram: bigint): Properties {
  const all: Properties = new Map();
  for (const { name, properties } of options) {
    if (name === "-machine") for (const [key, value] of properties) all.set(key.replaceAll("_", "-"), value);
    if (name === "-no-acpi") all.set("acpi", "off");
    if (name === "-no-hpet") all.set("hpet", "off");
  }
  const type = all.get("type");
  if (type !== undefined) all.set("type", host.machine(type));
  // The board's own memory: QEMU makes just this when nothing is said.
  const backend = [...all].filter(([key]) => key.startsWith("memory-backend."));
  const plain = backend.every(([key]) => key === "memory-backend.qom-type" || key === "memory-backend.size");
  if (
    plain &&
    all.get("memory-backend.qom-type") === "memory-backend-ram" &&
    all.get("memory-backend.size") === String(ram)
  ) {
    for (const [key] of backend) all.delete(key);
  }
  return without(all, { usb: "off", acpi: "on", hpet: "on", nvdimm: "off" });
}

function memoryBytes(options: readonly QemuOption[]): bigint {
  const size = options.find((o) => o.name === "-m")?.properties.get("size");
  return size === undefined ? 0n : bytes(size);
}

function memory(properties: Properties): Properties {
  return new Map(
    [...properties].map(([name, value]) => [name, name === "slots" ? value : String(bytes(value))]),
  );
}

/** -m counts in MiB where no unit stands. */
function bytes(text: string): bigint {
  const [, number = "0", unit = "m"] = /^(\d+)([bkmgt]?)/i.exec(text) ?? [];
  return BigInt(number) << BigInt(10 * "bkmgt".indexOf((unit === "" ? "m" : unit).toLowerCase()));
}

/** All of them, and the topology, also where QEMU fills it in. */
function processors(properties: Properties): Properties {
  const number = (name: string) => Number(properties.get(name) ?? "1");
  const cpus = number("cpus");
  const parts = ["sockets", "dies", "clusters", "cores", "threads"];
  const product = parts.reduce((n, part) => n * number(part), 1);
  const max = properties.get("maxcpus") ?? String(Math.max(cpus, product));
  return new Map([
    ["cpus", String(cpus)],
    ["maxcpus", max],
    ...parts.map((part): [string, string] => [part, String(number(part))]),
  ]);
}

function cpu(properties: Properties): Properties {
  return new Map([...properties].map(([name, value]) => [name.replaceAll("_", "-"), value]));
}

function isKvmOnly(properties: Properties): boolean {
  return [...properties].some(
    ([name, value]) => name.startsWith("kvm-pit.") || (name === "driver" && value === "kvm-pit"),
  );
}

function global(properties: Properties): [string, Properties] {
  const driver = properties.get("driver");
  if (driver !== undefined) {
    return [
      `global ${driver}.${properties.get("property")}`,
      new Map([["value", properties.get("value") ?? ""]]),
    ];
  }
  const [[name, value] = ["", ""]] = properties;
  return [`global ${name}`, new Map([["value", value]])];
}

function vnc(properties: Properties): Properties {
  const all = new Map([...properties].filter(([name, value]) => !(name === "password" && value === "off")));
  // The first word has a name of its own, too.
  const named = all.get("vnc");
  if (named !== undefined && all.delete("vnc")) all.set("display", named);
  // A sound backend of type none is no sound.
  if (all.get("audiodev.driver") === "none") all.delete("audiodev.driver");
  return all;
}

function numaPlace(properties: Properties): string {
  const part = ["nodeid", "node-id", "src", "dst", "initiator", "target", "hierarchy", "data-type", "level"];
  return part.flatMap((name) => properties.get(name) ?? []).join(".");
}
