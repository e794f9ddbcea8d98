import type { DomainUuid } from "@virtmesh/core/ids";
import { cpuset, int, nonEmpty, oneOf, onOff, text, uuid, yesNo } from "../schema/kinds.ts";
import {
  amount,
  attribute,
  attributeChild,
  child,
  defaulted,
  derived,
  kept,
  listChild,
  maybe,
  optional,
  ownText,
  repeated,
  textChild,
} from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { element } from "../schema/schema.ts";
import { clockSchema } from "./clock.ts";
import { cpuSchema } from "./cpu.ts";
import { devicesSchema, NO_DEVICES } from "./devices.ts";
import { featuresSchema } from "./features.ts";
import { idmapSchema } from "./idmap.ts";
import { hypervisorElements } from "./namespaces.ts";
import { memoryOfCells, numatuneSchema } from "./numa.ts";
import { osSchema } from "./os.ts";
import { keywrapCipherSchema, launchSecuritySchema, seclabelSchema } from "./security.ts";
import { sysinfoSchema } from "./sysinfo.ts";
import {
  blkiotuneSchema,
  cputuneSchema,
  defaultIothreadSchema,
  iothreadSchema,
  memoryBackingSchema,
  memtuneSchema,
  perfEventSchema,
  resourceSchema,
  throttleGroupSchema,
  vcpuSchema,
} from "./tuning.ts";

const lifecycleAction = oneOf(
  "destroy",
  "restart",
  "preserve",
  "rename-restart",
  "coredump-destroy",
  "coredump-restart",
);

const memorySchema = element({ dumpCore: maybe("dumpCore", onOff), bytes: amount() });

/** The `<domain>` document as libvirt defines it, in the order libvirt writes it. */
export const domainSchema = element({
  type: attribute(
    "type",
    oneOf(
      "qemu",
      "kqemu",
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
  hwuuid: optional(textChild("hwuuid", uuid)),
  /** Changes when the guest's state is set back; one is made up when none is given. */
  genid: optional(child("genid", element({ uuid: optional(ownText(uuid)) }))),
  title: optional(textChild("title", text)),
  description: optional(textChild("description", text)),
  metadata: kept("metadata"),
  maxMemory: optional(child("maxMemory", element({ slots: maybe("slots", int()), bytes: amount() }))),
  memory: derived(child("memory", memorySchema), memoryOfCells),
  currentMemory: optional(child("currentMemory", element({ bytes: amount() }))),
  blkiotune: optional(child("blkiotune", blkiotuneSchema)),
  memtune: optional(child("memtune", memtuneSchema)),
  memoryBacking: optional(child("memoryBacking", memoryBackingSchema)),
  vcpu: defaulted(
    child(
      "vcpu",
      element({
        placement: maybe("placement", oneOf("static", "auto")),
        cpuset: maybe("cpuset", cpuset),
        current: maybe("current", int(1, 65535)),
        count: ownText(int(1, 65535)),
      }),
    ),
    { count: 1 },
  ),
  vcpus: optional(listChild("vcpus", "vcpu", vcpuSchema)),
  iothreads: optional(textChild("iothreads", int(0, 65535))),
  iothreadIds: optional(listChild("iothreadids", "iothread", iothreadSchema)),
  defaultIothread: optional(child("defaultiothread", defaultIothreadSchema)),
  throttleGroups: optional(listChild("throttlegroups", "throttlegroup", throttleGroupSchema)),
  cputune: optional(child("cputune", cputuneSchema)),
  numatune: optional(child("numatune", numatuneSchema)),
  /** Devices of the host are handed on by this newer interface of Linux. */
  iommufd: optional(
    child("iommufd", element({ enabled: attribute("enabled", yesNo), fdgroup: maybe("fdgroup", nonEmpty) })),
  ),
  resource: optional(child("resource", resourceSchema)),
  sysinfo: repeated("sysinfo", sysinfoSchema),
  bootloader: optional(textChild("bootloader", text)),
  bootloaderArgs: optional(textChild("bootloader_args", text)),
  os: child("os", osSchema),
  idmap: optional(child("idmap", idmapSchema)),
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
  perf: optional(listChild("perf", "event", perfEventSchema)),
  devices: defaulted(child("devices", devicesSchema), NO_DEVICES),
  seclabels: repeated("seclabel", seclabelSchema),
  keywrap: optional(listChild("keywrap", "cipher", keywrapCipherSchema)),
  launchSecurity: optional(child("launchSecurity", launchSecuritySchema)),
  ...hypervisorElements,
});

/** A `<domain>` document as a value: what parsing gives and formatting takes. */
export interface DomainDefinition extends ModelOf<typeof domainSchema> {}

/** One whose UUID is known: what an agent works with. */
export interface IdentifiedDomain extends DomainDefinition {
  readonly uuid: DomainUuid;
}
