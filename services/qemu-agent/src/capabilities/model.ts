/** A machine type of a QEMU binary, from `query-machines`. */
export interface MachineType {
  /** Versioned: `pc-q35-7.2`. */
  readonly name: string;
  /** `q35`; undefined for all but the newest version of a kind. */
  readonly alias?: string;
  readonly maxCpus: number;
  readonly deprecated: boolean;
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
  /** Type names of `qom-list-types` that implement `device`: `virtio-blk-pci`, `qxl-vga`. */
  readonly devices: ReadonlySet<string>;
  /** Other object types that can be made: `rng-random`, `rng-builtin`, `iothread`. */
  readonly objects: ReadonlySet<string>;
  /** Names for -cpu of `query-cpu-definitions`: `qemu64`, `Haswell`, `max`. */
  readonly cpuModels: ReadonlySet<string>;
  /** Built with seccomp: `-sandbox on` is in `query-command-line-options`. */
  readonly sandbox: boolean;
  /** Accelerators that work: built in, and for KVM a guest was seen to run. */
  readonly accelerators: ReadonlySet<"kvm" | "tcg">;
}
