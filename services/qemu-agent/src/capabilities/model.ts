/** A machine type of a QEMU binary, from `query-machines`. */
export interface MachineType {
  /** Versioned: `pc-q35-7.2`. */
  readonly name: string;
  /** `q35`; undefined for all but the newest version of a kind. */
  readonly alias?: string;
  readonly maxCpus: number;
  readonly deprecated: boolean;
  /** The CPU model of a guest that names none: `qemu64`. */
  readonly defaultCpu?: string;
  /** Id that QEMU gives the memory it makes by itself (`pc.ram`); a backend in its place must have it. */
  readonly ramId?: string;
}

/** What one QEMU binary can do, found by asking it once over QMP (`-machine none`). */
export interface QemuCapabilities {
  readonly binary: string;
  /** As libvirt: `x86_64`. From `query-target`. */
  readonly arch: string;
  readonly version: { readonly major: number; readonly minor: number; readonly micro: number };
  /** `Debian 1:7.2+dfsg-7`; may be empty. */
  readonly package: string;
  readonly machines: readonly MachineType[];
  /** Every type name of `qom-list-types` that is not abstract: `virtio-blk-pci`, `qxl-vga`. */
  readonly devices: ReadonlySet<string>;
  /** Types that `object-add` makes: `rng-random`, `iothread`. */
  readonly objects: ReadonlySet<string>;
  /** Types that `netdev_add` makes: `user`, `stream`. */
  readonly netdevs: ReadonlySet<string>;
  /** Types that `chardev-add` makes: `socket`, `spicevmc`. */
  readonly chardevs: ReadonlySet<string>;
  /** Drivers that `blockdev-add` knows: `qcow2`, `nbd`. */
  readonly blockDrivers: ReadonlySet<string>;
  /** Names for -cpu of `query-cpu-definitions`: `qemu64`, `Haswell`, `max`. */
  readonly cpuModels: ReadonlySet<string>;
  /** Properties of -cpu, of the model that has all of them; empty where the binary does not tell. */
  readonly cpuFeatures: ReadonlySet<string>;
  /** Arguments with properties of `query-command-line-options` that this build takes: `spice`, `virtfs`. */
  readonly options: ReadonlySet<string>;
  /** Built with seccomp: `-sandbox on` is in `query-command-line-options`. */
  readonly sandbox: boolean;
  /** Accelerators that work: built in, and for KVM a guest was seen to run. */
  readonly accelerators: ReadonlySet<"kvm" | "tcg">;
}
