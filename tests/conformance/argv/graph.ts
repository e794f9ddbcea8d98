import { EITHER, HANDED, normaliseValue } from "./values.ts";
import { isDefault } from "./defaults.ts";
import type { Properties, QemuOption } from "./options.ts";
import { readOptions } from "./options.ts";
import { settingsOf } from "./settings.ts";

/**
 * One thing that a command line makes: a device, a setting of the machine, a backend that nothing refers to. What
 * a device refers to (its blockdev, netdev, chardev ...) stands in its own properties, under the name of the
 * reference: `drive.file.filename`.
 */
export interface Entry {
  /** `device virtio-blk-pci`, `setting -rtc`. */
  readonly label: string;
  /** Tells entries of the same label apart: `pci.0:4`, or their number in order. */
  readonly place: string;
  readonly properties: ReadonlyMap<string, string>;
}

interface Node {
  readonly option: string;
  readonly properties: Properties;
}

/** What names of the host's side mean is the same whatever they are. */
export interface Host {
  /** The machine type that a name means: `pc` is `pc-i440fx-7.2`. */
  readonly machine: (name: string) => string;
  /** Paths that the host hands over; what they are called means nothing. */
  readonly handed: ReadonlySet<string>;
}

/** Options that make something others refer to by its id, and the property that is the id. */
const NAMED: Readonly<Record<string, string>> = {
  "-device": "id",
  "-object": "id",
  "-blockdev": "node-name",
  "-netdev": "id",
  "-chardev": "id",
  "-audiodev": "id",
  "-fsdev": "id",
  "-tpmdev": "id",
};

/** By option, the properties that name something, and what makes it. */
const REFERENCES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "-device": {
    drive: "-blockdev",
    netdev: "-netdev",
    chardev: "-chardev",
    audiodev: "-audiodev",
    fsdev: "-fsdev",
    tpmdev: "-tpmdev",
    memdev: "-object",
    rng: "-object",
    iothread: "-object",
  },
  "-object": {
    chardev: "-chardev",
    "prealloc-context": "-object",
    keyid: "-object",
    passwordid: "-object",
  },
  "-blockdev": {
    file: "-blockdev",
    backing: "-blockdev",
    "throttle-group": "-object",
    "pr-manager": "-object",
    "tls-creds": "-object",
    "key-secret": "-object",
    "encrypt.key-secret": "-object",
    "password-secret": "-object",
    "cookie-secret": "-object",
  },
  "-netdev": { chardev: "-chardev" },
  "-chardev": { "tls-creds": "-object" },
  "-tpmdev": { chardev: "-chardev" },
  "-vnc": { "tls-creds": "-object", audiodev: "-audiodev", "password-secret": "-object" },
  "-spice": { "password-secret": "-object" },
  "-display": { audiodev: "-audiodev" },
  "-machine": {
    "memory-backend": "-object",
    pflash0: "-blockdev",
    pflash1: "-blockdev",
    "confidential-guest-support": "-object",
  },
  "-numa": { memdev: "-object" },
};

/** Devices by another name that QEMU takes (its table of aliases). */
const ALIASES: Readonly<Record<string, string>> = {
  ahci: "ich9-ahci",
  lsi: "lsi53c895a",
  "virtio-iommu": "virtio-iommu-pci",
};

/** Things that several others may share: they stay entries of their own, referred to by their number. */
const SHARED = new Set(["iothread", "thread-context"]);

/** The entries of a command line, without what differs between two that mean the same. */
export function graphOf(args: readonly string[], host: Host): readonly Entry[] {
  return new Graph(readOptions(args), host).entries();
}

class Graph {
  private readonly nodes: readonly Node[];
  private readonly byId = new Map<string, Node>();
  private readonly used = new Set<Node>();
  private readonly ordinals = new Map<Node, number>();
  private readonly host: Host;

  constructor(options: readonly QemuOption[], host: Host) {
    this.host = host;
    this.nodes = options.map(({ name, properties }) => ({
      option: name,
      properties: normalised(name, properties, host.handed),
    }));
    for (const node of this.nodes) {
      const id = node.properties.get(NAMED[node.option] ?? "");
      if (id !== undefined) this.byId.set(`${node.option} ${id}`, node);
      const kind = node.properties.get("qom-type") ?? "";
      if (SHARED.has(kind))
        this.ordinals.set(
          node,
          [...this.ordinals.keys()].filter((n) => n.properties.get("qom-type") === kind).length,
        );
    }
  }

  entries(): readonly Entry[] {
    const devices = this.nodes.filter((n) => n.option === "-device").map((n) => this.deviceEntry(n));
    const settings = settingsOf(
      this.nodes
        .filter((n) => NAMED[n.option] === undefined)
        .map((n) => ({ name: n.option, properties: this.resolved(n) })),
      this.host,
    );
    const left = this.nodes.filter(
      (n) => n.option !== "-device" && NAMED[n.option] !== undefined && !this.used.has(n),
    );
    return [...numbered(devices), ...settings, ...numbered(left.flatMap((n) => this.leftEntry(n)))];
  }

  private deviceEntry(node: Node): Entry {
    const properties = this.resolved(node);
    const driver = ALIASES[properties.get("driver") ?? ""] ?? properties.get("driver") ?? "";
    properties.delete("driver");
    return { label: `device ${driver}`, place: this.placeOf(node) ?? "", properties };
  }

  /** A backend that no other part refers to; those that do nothing by themselves are left out. */
  private leftEntry(node: Node): readonly Entry[] {
    const kind =
      node.properties.get("qom-type") ??
      node.properties.get("driver") ??
      node.properties.get("backend") ??
      node.properties.get("type") ??
      "";
    if (kind === "secret" || (node.option === "-audiodev" && kind === "none")) return [];
    return [{ label: `${node.option.slice(1)} ${kind}`, place: "", properties: this.resolved(node) }];
  }

  /** The node's properties, with what it refers to inside, without its own name and what QEMU does anyway. */
  private resolved(node: Node, inside: ReadonlySet<Node> = new Set()): Properties {
    const all: Properties = new Map();
    const references = REFERENCES[node.option] ?? {};
    for (const [key, value] of node.properties) {
      if (key === NAMED[node.option]) continue;
      const target = references[key] === undefined ? undefined : this.byId.get(`${references[key]} ${value}`);
      if (target !== undefined && !inside.has(target))
        this.refer(all, key, target, new Set([...inside, node]));
      else if (node.option === "-device" && (key === "bus" || key === "masterbus"))
        all.set(key, this.busPlace(value));
      else all.set(key, value);
    }
    for (const [key, value] of all) if (isDefault(node.option, all, key, value)) all.delete(key);
    return all;
  }

  private refer(all: Properties, key: string, target: Node, inside: ReadonlySet<Node>): void {
    this.used.add(target);
    const kind = target.properties.get("qom-type") ?? "";
    const ordinal = this.ordinals.get(target);
    // Where a secret comes from is the host's affair, that there is one is not.
    if (kind === "secret") all.set(key, "<secret>");
    else if (ordinal !== undefined) {
      this.used.delete(target);
      all.set(key, `${kind} ${ordinal + 1}`);
    } else for (const [inner, value] of this.resolved(target, inside)) all.set(`${key}.${inner}`, value);
  }

  /** Where a bus is: the place of the device that makes it, or its own name on the board. */
  private busPlace(bus: string): string {
    const exact = this.byId.get(`-device ${bus}`);
    if (exact !== undefined) return this.placeOf(exact) ?? bus;
    const at = bus.lastIndexOf(".");
    const maker = at < 0 ? undefined : this.byId.get(`-device ${bus.slice(0, at)}`);
    const place = maker === undefined ? undefined : this.placeOf(maker);
    return place === undefined ? bus : `${place}${bus.slice(at)}`;
  }

  private placeOf(node: Node): string | undefined {
    const get = (name: string) => node.properties.get(name);
    const bus = get("bus");
    const own = ["addr", "channel", "scsi-id", "lun", "port", "nr", "unit", "cad", "slot"].flatMap((name) => {
      const value = get(name);
      return value === undefined || (name === "port" && get("addr") !== undefined) ? [] : [value];
    });
    if (bus === undefined) return undefined;
    return own.length === 0
      ? `${get("driver")} on ${this.busPlace(bus)}`
      : `${this.busPlace(bus)}:${own.join(".")}`;
  }
}

function normalised(option: string, properties: Properties, handed: ReadonlySet<string>): Properties {
  const values = new Map(
    [...properties].map(([key, value]) => [key, handed.has(value) ? HANDED : normaliseValue(key, value)]),
  );
  if (option === "-netdev" && values.get("type") === "tap") return tap(values);
  if (option === "-chardev" && values.get("path") === HANDED) values.set("append", EITHER);
  if (option === "-chardev" && values.get("logfile") === HANDED) values.set("logappend", EITHER);
  const fd = option === "-chardev" ? values.get("fd") : undefined;
  if (fd === undefined) return values;
  values.delete("fd");
  return values.set("path", fd);
}

/** A tap is the same by its name and by its descriptors, of which there is one a queue. */
function tap(values: Properties): Properties {
  const queues = values.get("queues") ?? String((values.get("fds") ?? "").split(":").length);
  for (const name of ["fd", "fds", "vhostfd", "vhostfds", "ifname", "script", "downscript", "queues"])
    values.delete(name);
  return queues === "1" ? values : values.set("queues", queues);
}

/** Entries of one label without a place get their number. */
function numbered(entries: readonly Entry[]): readonly Entry[] {
  const counts = new Map<string, number>();
  return entries.map((entry) => {
    const key = `${entry.label} ${entry.place}`;
    const n = (counts.get(key) ?? 0) + 1;
    counts.set(key, n);
    return entry.place === "" || n > 1 ? { ...entry, place: `${entry.place}#${n}` } : entry;
  });
}
