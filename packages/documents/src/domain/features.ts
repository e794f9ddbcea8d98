import { int, oneOf, onOff, pattern, text, yesNo } from "../schema/kinds.ts";
import {
  amountChild,
  attributeChild,
  child,
  marker,
  maybe,
  namedChildren,
  optional,
} from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { element } from "../schema/schema.ts";

/** `<vmport state="off"/>`; without the attribute it is on. */
const state = element({ state: maybe("state", onOff) });

function switched<const N extends string>(name: N) {
  return optional(child(name, state));
}

/** What Windows finds of Hyper-V. */
const hypervSchema = element({
  mode: maybe("mode", oneOf("custom", "passthrough", "host-model")),
  relaxed: switched("relaxed"),
  vapic: switched("vapic"),
  spinlocks: optional(
    child("spinlocks", element({ state: maybe("state", onOff), retries: maybe("retries", int()) })),
  ),
  vpindex: switched("vpindex"),
  runtime: switched("runtime"),
  synic: switched("synic"),
  stimer: optional(child("stimer", element({ state: maybe("state", onOff), direct: switched("direct") }))),
  reset: switched("reset"),
  vendorId: optional(
    child("vendor_id", element({ state: maybe("state", onOff), value: maybe("value", text) })),
  ),
  frequencies: switched("frequencies"),
  reenlightenment: switched("reenlightenment"),
  tlbflush: optional(
    child(
      "tlbflush",
      element({ state: maybe("state", onOff), direct: switched("direct"), extended: switched("extended") }),
    ),
  ),
  ipi: switched("ipi"),
  evmcs: switched("evmcs"),
  avic: switched("avic"),
  emsrBitmap: switched("emsr_bitmap"),
  xmmInput: switched("xmm_input"),
});

const kvmSchema = element({
  hidden: switched("hidden"),
  hintDedicated: switched("hint-dedicated"),
  pollControl: switched("poll-control"),
  pvIpi: switched("pv-ipi"),
  dirtyRing: optional(
    child("dirty-ring", element({ state: maybe("state", onOff), size: maybe("size", int()) })),
  ),
});

const xenSchema = element({
  e820Host: switched("e820_host"),
  passthrough: optional(
    child(
      "passthrough",
      element({ state: maybe("state", onOff), mode: maybe("mode", oneOf("sync_pt", "share_pt")) }),
    ),
  ),
});

/** Capabilities of Linux, which a container keeps or loses. */
const capability = oneOf(
  "audit_control",
  "audit_write",
  "block_suspend",
  "chown",
  "dac_override",
  "dac_read_search",
  "fowner",
  "fsetid",
  "ipc_lock",
  "ipc_owner",
  "kill",
  "lease",
  "linux_immutable",
  "mac_admin",
  "mac_override",
  "mknod",
  "net_admin",
  "net_bind_service",
  "net_broadcast",
  "net_raw",
  "setgid",
  "setfcap",
  "setpcap",
  "setuid",
  "sys_admin",
  "sys_boot",
  "sys_chroot",
  "sys_module",
  "sys_nice",
  "sys_pacct",
  "sys_ptrace",
  "sys_rawio",
  "sys_resource",
  "sys_time",
  "sys_tty_config",
  "syslog",
  "wake_alarm",
);

const gicVersion = pattern("host, or a number such as 3", /^(host|[1-9]\d*)$/);

const mitigation = oneOf("broken", "workaround", "fixed");

export const featuresSchema = element({
  acpi: marker("acpi"),
  apic: optional(child("apic", element({ eoi: maybe("eoi", onOff) }))),
  pae: marker("pae"),
  hap: switched("hap"),
  viridian: marker("viridian"),
  privnet: marker("privnet"),
  hyperv: optional(child("hyperv", hypervSchema)),
  kvm: optional(child("kvm", kvmSchema)),
  pvspinlock: switched("pvspinlock"),
  capabilities: optional(
    child(
      "capabilities",
      element({
        policy: maybe("policy", oneOf("default", "allow", "deny")),
        capabilities: namedChildren(capability, state),
      }),
    ),
  ),
  pmu: switched("pmu"),
  vmport: switched("vmport"),
  gic: optional(child("gic", element({ version: maybe("version", gicVersion) }))),
  smm: optional(
    child(
      "smm",
      element({
        state: maybe("state", onOff),
        tseg: optional(amountChild("tseg", { assumed: "MiB", written: "largest" })),
      }),
    ),
  ),
  ioapic: optional(attributeChild("ioapic", "driver", oneOf("kvm", "qemu"))),
  hpt: optional(
    child(
      "hpt",
      element({
        resizing: maybe("resizing", oneOf("enabled", "disabled", "required")),
        maxpagesize: optional(amountChild("maxpagesize")),
      }),
    ),
  ),
  vmcoreinfo: switched("vmcoreinfo"),
  htm: switched("htm"),
  nestedHv: switched("nested-hv"),
  msrs: optional(attributeChild("msrs", "unknown", oneOf("ignore", "fault"))),
  ccfAssist: switched("ccf-assist"),
  xen: optional(child("xen", xenSchema)),
  cfpc: optional(attributeChild("cfpc", "value", mitigation)),
  sbbc: optional(attributeChild("sbbc", "value", mitigation)),
  ibs: optional(
    attributeChild("ibs", "value", oneOf("broken", "workaround", "fixed-ibs", "fixed-ccd", "fixed-na")),
  ),
  tcg: optional(child("tcg", element({ tbCache: optional(amountChild("tb-cache")) }))),
  asyncTeardown: optional(child("async-teardown", element({ enabled: maybe("enabled", yesNo) }))),
  ras: switched("ras"),
  ps2: switched("ps2"),
  virtualization: switched("virtualization"),
  aia: optional(attributeChild("aia", "value", oneOf("none", "aplic", "aplic-imsic"))),
});

export type Features = ModelOf<typeof featuresSchema>;
