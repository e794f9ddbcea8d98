import type { XmlTree } from "@virtmesh/documents/xml/tree";
import { unsupported } from "./arguments.ts";

/**
 * What of an element the command line looks at: attributes by their names, `@` for those of an element that has
 * children as well, `*` for all there is. Whatever a definition has besides is refused.
 */
type Understood = string | { readonly "@"?: string; readonly [child: string]: Understood | undefined };

const device = { alias: "name", address: "*" } as const;
const virtio = "iommu ats packed page_per_vq";
const chardev = {
  "@": "type tty",
  source: {
    "@": "path append mode host service tls tlsFromConfig",
    seclabel: "*",
    reconnect: "enabled timeout",
  },
  protocol: "type",
  log: "file append",
  ...device,
} as const;
const serial = { ...chardev, target: { "@": "type port", model: "name" } } as const;

const DEVICES: Understood = {
  emulator: "",
  disk: {
    "@": "type device model rawio sgio snapshot",
    driver: `name type cache error_policy rerror_policy io ioeventfd event_idx copy_on_read discard iothread detect_zeroes discard_no_unref queues queue_size ${virtio}`,
    source: { "@": "file dev startupPolicy index", seclabel: "*", privateData: "*" },
    backingStore: "*",
    blockio: "logical_block_size physical_block_size discard_granularity",
    target: "dev bus tray removable rotation_rate",
    readonly: "",
    shareable: "",
    serial: "",
    wwn: "",
    vendor: "",
    product: "",
    boot: "order loadparm",
    ...device,
  },
  controller: {
    "@": "type index model ports vectors maxGrantFrames",
    model: "name",
    target: "chassisNr chassis port busNr index hotplug",
    driver: `queues cmd_per_lun max_sectors ioeventfd iothread ${virtio}`,
    master: "startport",
    ...device,
  },
  interface: {
    "@": "type trustGuestRxFilters",
    mac: "address type check",
    source: "*",
    port: "isolated",
    script: "path",
    downscript: "path",
    target: "dev managed",
    model: "type",
    driver: `name txmode ioeventfd event_idx queues rx_queue_size tx_queue_size rss rss_hash_report ${virtio}`,
    link: "state",
    mtu: "size",
    boot: "order loadparm",
    rom: "enabled bar file",
    ...device,
  },
  serial,
  parallel: serial,
  console: serial,
  channel: { ...chardev, target: "type name state address port" },
  input: { "@": "type bus model", driver: virtio, ...device },
  graphics: "*",
  audio: "*",
  video: {
    "@": "",
    driver: "*",
    model: {
      "@": "type ram vram vram64 vgamem heads primary blob",
      acceleration: "accel2d accel3d rendernode",
      resolution: "x y",
    },
    ...device,
  },
  watchdog: { "@": "model action", ...device },
  memballoon: { "@": "model autodeflate freePageReporting", stats: "period", driver: virtio, ...device },
  rng: { "@": "model", driver: virtio, rate: "bytes period", backend: "model", ...device },
  panic: { "@": "model", ...device },
};

const state = "state";

const DOMAIN: Understood = {
  "@": "type id xmlns:qemu",
  name: "",
  uuid: "",
  title: "",
  description: "",
  metadata: "*",
  maxMemory: "slots unit",
  memory: "dumpCore unit",
  currentMemory: "unit",
  vcpu: "placement cpuset current",
  iothreads: "",
  resource: "*",
  os: {
    "@": "firmware",
    type: "arch machine",
    loader: "readonly secure type stateless format",
    nvram: { "@": "type template templateFormat format", source: "file" },
    kernel: "",
    initrd: "",
    cmdline: "",
    boot: "dev",
    bootmenu: "enable timeout",
    bios: "useserial rebootTimeout",
    smbios: "mode",
  },
  features: {
    acpi: "",
    apic: "eoi",
    pae: "",
    hyperv: "*",
    kvm: "*",
    pvspinlock: state,
    pmu: state,
    vmport: state,
    smm: state,
    vmcoreinfo: state,
  },
  cpu: {
    "@": "mode match check migratable",
    arch: "",
    model: "fallback vendor_id",
    microcode: "version",
    signature: "*",
    topology: "sockets dies clusters cores threads",
    cache: "level mode",
    feature: "policy name",
  },
  clock: {
    "@": "offset adjustment timezone basis start",
    timer: {
      "@": "name present tickpolicy track frequency mode",
      catchup: "threshold slew limit",
    },
  },
  on_poweroff: "",
  on_reboot: "",
  on_crash: "",
  on_lockfailure: "",
  pm: { "suspend-to-mem": "enabled", "suspend-to-disk": "enabled" },
  devices: DEVICES,
  seclabel: "*",
  "qemu:commandline": { "qemu:arg": "value", "qemu:env": "name value" },
};

/**
 * Refuses the first thing of a definition that the command line would leave out.
 * @throws CONFIG_UNSUPPORTED with its name and place
 */
export function refuseNotUnderstood(domain: XmlTree): void {
  walk(domain, DOMAIN, "");
}

function walk(tree: XmlTree, understood: Understood, path: string): void {
  if (understood === "*") return;
  const known = (typeof understood === "string" ? understood : (understood["@"] ?? "")).split(" ");
  for (const { name } of tree.attributes) {
    if (!known.includes(name))
      throw unsupported(`${path}@${name}`, `attribute "${name}" is not supported by this agent`);
  }
  const seen = new Map<string, number>();
  for (const child of tree.children) {
    if (typeof child === "string") continue;
    const number = (seen.get(child.name) ?? 0) + 1;
    seen.set(child.name, number);
    const inner = typeof understood === "string" ? undefined : understood[child.name];
    const several = tree.children.filter((c) => typeof c !== "string" && c.name === child.name).length > 1;
    const place = `${path}${child.name}${several || path === "devices/" ? `[${number}]` : ""}`;
    if (inner === undefined) throw unsupported(place, `<${child.name}> is not supported by this agent`);
    walk(child, inner, `${place}/`);
  }
}
