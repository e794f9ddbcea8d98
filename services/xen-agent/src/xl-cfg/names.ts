/** Where Xen keeps what hardware-virtualised guests begin with, unless its host says otherwise. */
export const HVMLOADER = "/usr/lib/xen/boot/hvmloader";
export const OVMF = "/usr/lib/xen/boot/ovmf.bin";

/** Drives that firmware can begin from, by xl's letter. */
export const BOOT_LETTERS = { a: "fd", c: "hd", d: "cdrom", n: "network" } as const;

/** What `tsc_mode` says, by the mode of libvirt's timer. */
export const TSC_MODES = {
  auto: "default",
  emulate: "always_emulate",
  native: "native",
  paravirt: "native_paravirt",
} as const;

/** Of a host. */
export const LAST_CPU = 4095;

/** Of VNC: screen 0. */
export const FIRST_PORT = 5900;

/** What xl calls a screen, by libvirt's model, and the MiB that it has unless something is said. */
export const SCREENS = {
  cirrus: { vga: "cirrus", mib: 8 },
  vga: { vga: "stdvga", mib: 16 },
  qxl: { vga: "qxl", mib: 128 },
} as const;

/** What QEMU calls sound cards, by libvirt's model. */
export const SOUNDS = { sb16: "sb16", es1370: "es1370", pcspk: "pcspk", ac97: "ac97", ich6: "hda" } as const;

/** What libxl calls a feature of the processor, where libvirt has another name. */
export const CPU_FEATURES: Readonly<Record<string, string>> = {
  cid: "cntxid",
  clflush: "clfsh",
  cmp_legacy: "cmplegacy",
  cr8legacy: "altmovcr8",
  cx16: "cmpxchg16",
  cx8: "cmpxchg8",
  ds_cpl: "dscpl",
  fxsr_opt: "ffxsr",
  ht: "htt",
  lahf_lm: "lahfsahf",
  nodeid_msr: "nodeid",
  pclmuldq: "pclmulqdq",
  pdpe1gb: "page1gb",
  pn: "psn",
  pni: "sse3",
  sep: "sysenter",
  "spec-ctrl": "ibrsb",
};

/** The key that has a value. */
export function keyOf<K extends string, V>(names: Readonly<Record<K, V>>, value: unknown): K | undefined {
  return (Object.keys(names) as K[]).find((key) => names[key] === value);
}
