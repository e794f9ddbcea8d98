import type { DomainUuid } from "@virtmesh/core/ids";
import { int, nonEmpty, oneOf, onOff, text, uuid, yesNo } from "../schema/kinds.ts";
import {
  amount,
  attribute,
  attributeChild,
  child,
  defaulted,
  kept,
  keptAll,
  maybe,
  optional,
  ownText,
  repeated,
  textChild,
} from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { element } from "../schema/schema.ts";
import { clockSchema } from "./clock.ts";
import { devicesSchema } from "./devices.ts";
import { cpuSchema, featuresSchema } from "./features.ts";
import { osSchema } from "./os.ts";

const QEMU = "http://libvirt.org/schemas/domain/qemu/1.0";
const qemu = (local: string) => ({ local, uri: QEMU, prefix: "qemu" });

const lifecycleAction = oneOf(
  "destroy",
  "restart",
  "preserve",
  "rename-restart",
  "coredump-destroy",
  "coredump-restart",
);

const qemuCommandline = element({
  args: repeated(qemu("arg"), element({ value: attribute("value", text) })),
  env: repeated(qemu("env"), element({ name: attribute("name", nonEmpty), value: maybe("value", text) })),
});

/**
 * The `<domain>` document as libvirt defines it, in the order libvirt writes it. What is `kept` is not looked
 * into; an agent that cannot honour it says so when the guest is started.
 */
export const domainSchema = element({
  type: attribute(
    "type",
    oneOf(
      "qemu",
      "kvm",
      "xen",
      "lxc",
      "uml",
      "openvz",
      "test",
      "vmware",
      "hyperv",
      "vbox",
      "phyp",
      "vz",
      "parallels",
      "bhyve",
      "hvf",
    ),
  ),
  /** Number of the running instance; a definition has none. */
  id: maybe("id", int(-1)),
  name: textChild("name", text),
  uuid: optional(textChild("uuid", uuid)),
  genid: kept("genid"),
  title: optional(textChild("title", text)),
  description: optional(textChild("description", text)),
  metadata: kept("metadata"),
  maxMemory: optional(child("maxMemory", element({ slots: maybe("slots", int()), bytes: amount() }))),
  memory: child("memory", element({ dumpCore: maybe("dumpCore", onOff), bytes: amount() })),
  currentMemory: optional(child("currentMemory", element({ bytes: amount() }))),
  blkiotune: kept("blkiotune"),
  memtune: kept("memtune"),
  memoryBacking: kept("memoryBacking"),
  vcpu: defaulted(
    child(
      "vcpu",
      element({
        placement: maybe("placement", oneOf("static", "auto")),
        cpuset: maybe("cpuset", nonEmpty),
        current: maybe("current", int(1, 4096)),
        count: ownText(int(1, 4096)),
      }),
    ),
    { count: 1 },
  ),
  vcpus: kept("vcpus"),
  iothreads: optional(textChild("iothreads", int(0, 4096))),
  iothreadids: kept("iothreadids"),
  cputune: kept("cputune"),
  numatune: kept("numatune"),
  resource: kept("resource"),
  sysinfo: keptAll("sysinfo"),
  bootloader: optional(textChild("bootloader", text)),
  bootloaderArgs: optional(textChild("bootloader_args", text)),
  idmap: kept("idmap"),
  os: child("os", osSchema),
  features: optional(child("features", featuresSchema)),
  cpu: optional(child("cpu", cpuSchema)),
  clock: optional(child("clock", clockSchema)),
  onPoweroff: optional(textChild("on_poweroff", lifecycleAction)),
  onReboot: optional(textChild("on_reboot", lifecycleAction)),
  onCrash: optional(textChild("on_crash", lifecycleAction)),
  onLockfailure: optional(textChild("on_lockfailure", oneOf("poweroff", "restart", "pause", "ignore"))),
  pm: optional(
    child(
      "pm",
      element({
        suspendToMem: optional(attributeChild("suspend-to-mem", "enabled", yesNo)),
        suspendToDisk: optional(attributeChild("suspend-to-disk", "enabled", yesNo)),
      }),
    ),
  ),
  perf: kept("perf"),
  launchSecurity: kept("launchSecurity"),
  devices: defaulted(child("devices", devicesSchema), {
    disks: [],
    controllers: [],
    interfaces: [],
    serials: [],
    parallels: [],
    consoles: [],
    channels: [],
    inputs: [],
    graphics: [],
    audios: [],
    videos: [],
    watchdogs: [],
    memballoons: [],
    rngs: [],
    panics: [],
  }),
  seclabels: keptAll("seclabel"),
  qemuCommandline: optional(child(qemu("commandline"), qemuCommandline)),
  qemuCapabilities: kept(qemu("capabilities")),
  qemuOverride: kept(qemu("override")),
});

/** A `<domain>` document as a value: what parsing gives and formatting takes. */
export interface DomainDefinition extends ModelOf<typeof domainSchema> {}

/** One whose UUID is known: what an agent works with. */
export interface IdentifiedDomain extends DomainDefinition {
  readonly uuid: DomainUuid;
}
