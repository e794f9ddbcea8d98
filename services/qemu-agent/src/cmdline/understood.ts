import type { XmlTree } from "@virtmesh/documents/xml/tree";
import { unsupported } from "./arguments.ts";

/**
 * What of an element the command line looks at: attributes by their names, `@` for those of an element that has
 * children as well, `*` for all there is. Whatever a definition has besides is refused.
 */
type Understood = string | { readonly "@"?: string; readonly [child: string]: Understood | undefined };

const device = { alias: "name", acpi: "index", address: "*" } as const;
const rom = { rom: "enabled bar file" } as const;
const boot = { boot: "order loadparm" } as const;
const virtio = "iommu ats packed page_per_vq";
const state = "state";
const chardev = {
  "@": "type tty",
  source: {
    "@": "path append mode host service tls tlsFromConfig channel",
    seclabel: "*",
    reconnect: "enabled timeout",
    clipboard: "copypaste",
    mouse: "mode",
  },
  protocol: "type",
  log: "file append",
  ...device,
} as const;
const serial = { ...chardev, target: { "@": "type port", model: "name" } } as const;
/** The images of a disk; what of a source is no place of bytes is looked at by its protocol. */
const image = { source: "*", format: "*", auth: "*", encryption: "*" } as const;

const DEVICES: Understood = {
  emulator: "",
  disk: {
    "@": "type device model rawio sgio snapshot",
    driver: {
      "@": `name type cache error_policy rerror_policy io ioeventfd event_idx copy_on_read discard iothread detect_zeroes discard_no_unref queues queue_size ${virtio}`,
      metadata_cache: "*",
    },
    ...image,
    backingStore: "*",
    geometry: "cyls heads secs trans",
    blockio: "logical_block_size physical_block_size discard_granularity",
    target: "dev bus tray removable rotation_rate",
    iotune: "*",
    readonly: "",
    shareable: "",
    transient: "shareBacking",
    serial: "",
    wwn: "",
    vendor: "",
    product: "",
    ...boot,
    ...device,
  },
  controller: {
    "@": "type index model ports vectors",
    model: "name",
    target: { "@": "chassisNr chassis port busNr index hotplug", node: "" },
    driver: `queues cmd_per_lun max_sectors ioeventfd iothread ${virtio}`,
    master: "startport",
    pcihole64: "unit",
    ...device,
  },
  filesystem: {
    "@": "type accessmode model multidevs fmode dmode",
    driver: `type format wrpolicy queue ${virtio}`,
    binary: "*",
    idmap: "*",
    source: "dir socket",
    target: "dir",
    readonly: "",
    ...boot,
    ...device,
  },
  interface: {
    "@": "type managed trustGuestRxFilters",
    mac: "address type check currentAddress",
    source: "*",
    // Of the host's side, which the agent sets up.
    vlan: "*",
    virtualport: "*",
    bandwidth: "*",
    port: "*",
    actual: "*",
    ip: "*",
    route: "*",
    filterref: "*",
    coalesce: "*",
    guest: "*",
    backend: "*",
    portForward: "*",
    script: "path",
    downscript: "path",
    target: "dev managed",
    model: "type",
    driver: {
      "@": `name txmode ioeventfd event_idx queues rx_queue_size tx_queue_size rss rss_hash_report ${virtio}`,
      host: "csum gso tso4 tso6 ecn ufo mrg_rxbuf",
      guest: "csum tso4 tso6 ecn ufo",
    },
    tune: { sndbuf: "" },
    teaming: "type persistent",
    link: "state",
    mtu: "size",
    ...boot,
    ...rom,
    ...device,
  },
  smartcard: { ...chardev, "@": "mode type", certificate: "", database: "" },
  serial,
  parallel: serial,
  console: serial,
  channel: { ...chardev, target: "type name state address port" },
  input: { "@": "type bus model", driver: virtio, source: "dev evdev grab grabToggle repeat", ...device },
  tpm: {
    "@": "model",
    backend: {
      "@": "type version persistent_state debug",
      device: "path",
      encryption: "secret",
      active_pcr_banks: "*",
      source: "*",
      profile: "*",
    },
    ...device,
  },
  graphics: "*",
  sound: { "@": "model multichannel streams", driver: virtio, codec: "type", audio: "id", ...device },
  audio: "*",
  video: {
    "@": "",
    driver: `name vgaconf ${virtio}`,
    model: {
      "@": "type ram vram vram64 vgamem heads primary blob edid",
      acceleration: "accel2d accel3d rendernode",
      resolution: "x y",
    },
    ...device,
  },
  hostdev: {
    "@": "mode type managed model display ramfb sgio rawio",
    driver: "name iommufd",
    source: "*",
    teaming: "type persistent",
    readonly: "",
    shareable: "",
    ...boot,
    ...rom,
    ...device,
  },
  redirdev: { ...chardev, "@": "type bus", ...boot },
  redirfilter: { usbdev: "class vendor product version allow" },
  hub: { "@": "type", ...device },
  watchdog: { "@": "model action", ...device },
  memballoon: { "@": "model autodeflate freePageReporting", stats: "period", driver: virtio, ...device },
  rng: {
    "@": "model",
    driver: virtio,
    rate: "bytes period",
    backend: { ...chardev, "@": "model type" },
    ...device,
  },
  panic: { "@": "model", ...device },
  shmem: { "@": "name role", model: "type", size: "unit", server: "path", msi: "*", ...device },
  memory: {
    "@": "model access discard",
    uuid: "",
    source: { path: "", alignsize: "unit", pmem: "", nodemask: "", pagesize: "unit" },
    target: {
      "@": "dynamicMemslots",
      size: "unit",
      node: "",
      label: { size: "unit" },
      readonly: "",
      block: "unit",
      requested: "unit",
      current: "unit",
      address: "base",
    },
    ...device,
  },
  crypto: { "@": "model type", backend: "model queues", driver: virtio, ...device },
  iommu: {
    "@": "model",
    driver: "intremap caching_mode eim iotlb aw_bits dma_translation",
    ...device,
  },
  vsock: { "@": "model", cid: "auto address", driver: virtio, ...device },
  pstore: { "@": "backend", path: "", size: "unit", ...device },
};

const DOMAIN: Understood = {
  "@": "type id xmlns:qemu",
  name: "",
  uuid: "",
  genid: "",
  title: "",
  description: "",
  metadata: "*",
  maxMemory: "slots unit",
  memory: "dumpCore unit",
  currentMemory: "unit",
  memoryBacking: "*",
  vcpu: "placement cpuset current",
  vcpus: "*",
  iothreads: "",
  iothreadids: "*",
  defaultiothread: "*",
  sysinfo: "*",
  // Shares and limits of the host are no arguments: the agent sets them, or refuses what it does not set.
  blkiotune: "*",
  memtune: "*",
  cputune: "*",
  numatune: "*",
  perf: "*",
  resource: "*",
  seclabel: "*",
  idmap: "*",
  os: {
    "@": "firmware",
    type: "arch machine",
    firmware: "*",
    loader: "readonly secure type stateless format",
    nvram: { "@": "type template templateFormat format", source: "*" },
    kernel: "",
    initrd: "",
    cmdline: "",
    acpi: { table: "type" },
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
    smm: { "@": state, tseg: "unit" },
    ioapic: "driver",
    vmcoreinfo: state,
    ps2: state,
    tcg: { "tb-cache": "unit" },
  },
  cpu: {
    "@": "mode match check migratable",
    arch: "",
    model: "fallback vendor_id",
    vendor: "",
    microcode: "version",
    signature: "*",
    counter: "*",
    topology: "sockets dies clusters cores threads",
    cache: "level mode",
    maxphysaddr: "mode bits limit",
    feature: "policy name",
    numa: "*",
  },
  clock: {
    "@": "offset adjustment timezone basis start adjustment0",
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
  launchSecurity: "*",
  "qemu:commandline": { "qemu:arg": "value", "qemu:env": "name value" },
  "qemu:override": "*",
  "qemu:deprecation": "behavior",
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
