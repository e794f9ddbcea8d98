import type { TlsFiles, TlsUse } from "./tls.ts";

/** The host's end of a network card. `fds` are descriptors that QEMU inherits, one a queue. */
export type Tap =
  | { readonly ifname: string }
  | { readonly fds: readonly number[]; readonly vhostFds?: readonly number[] };

/** Where VNC listens: a unix socket, or an address and port that were found free. */
export type VncPlace =
  | { readonly socket: string }
  | { readonly address: string; readonly port: number; readonly websocket?: number };

/** Where SPICE listens: a unix socket, or both ports where both are open. */
export type SpicePlace =
  | { readonly socket: string }
  | { readonly address: string; readonly port?: number; readonly tlsPort?: number };

/** A file system of the host whose files are huge pages. */
export interface HugepageMount {
  readonly pageBytes: bigint;
  readonly path: string;
}

/**
 * What the agent allots for one start on this host. Nothing of it changes the guest's hardware: the same
 * definition gives the same devices with any other runtime.
 */
export interface Runtime {
  readonly accelerator: "kvm" | "tcg";
  /** Descriptor, as QEMU sees it, of the listening unix socket on which it serves QMP. */
  readonly qmpFd: number;
  /** Of the running guest: sockets that the definition gives no path for are made in it. */
  readonly directory: string;
  /** Waits for `migrate-incoming` instead of starting from the firmware. */
  readonly incoming: boolean;
  /** Where the pipe of a second monitor lies, for orders out of band; without it there is none. */
  readonly recoveryPipe?: string;
  /** By place in `devices.interfaces`; needed for those that are taps on the host. */
  readonly taps: ReadonlyMap<number, Tap>;
  /** Whether cards of a tap use the host's vhost-net when the definition leaves it open. */
  readonly vhost: boolean;
  /** By place in `devices.graphics`; one without it uses what the definition says. */
  readonly vnc: ReadonlyMap<number, VncPlace>;
  readonly spice: ReadonlyMap<number, SpicePlace>;
  /**
   * Unix sockets instead of pseudo terminals for the console, by chardev id (`charserial0`, see `chardevId`): QEMU
   * listens there. A `pty` device without one gets a pty from QEMU, whose path `query-chardev` tells.
   */
  readonly consoleSockets: ReadonlyMap<string, string>;
  /** Disks by target that were moved since the start and have the second pair of node names. */
  readonly secondNodes: ReadonlySet<string>;
  /** Milliseconds since the epoch at the start, for clocks relative to it. */
  readonly startTimeMs: number;
  /** How far the host's own time is ahead of UTC at the start. */
  readonly utcOffsetMs: number;
  /** Certificates for what can be encrypted on this host. */
  readonly tls: Readonly<Partial<Record<TlsUse, TlsFiles>>>;
  /** Graphics whose viewers log in by SASL. */
  readonly sasl: ReadonlySet<"vnc" | "spice">;
  /** Graphics that ask for a password also where the definition has none: the agent sets its own. */
  readonly passwords: ReadonlySet<"vnc" | "spice">;
  /** Mounts of huge pages; the first is the host's usual size. */
  readonly hugepages: readonly HugepageMount[];
  /** Where memory that is a file lies; the guest has a folder of its own in it. */
  readonly memoryDirectory: string;
  /** Descriptors that QEMU inherits, by what they are for: `vsock0`, `hostdev1`, `net0`. */
  readonly handed: ReadonlyMap<string, number>;
  /** Whether that device of the host is a drive for discs. */
  readonly isHostCdrom: (path: string) => boolean;
  /** The generic SCSI device (`/dev/sg3`) of that place on the host. */
  readonly scsiGeneric: (adapter: string, bus: number, target: number, unit: number) => string | undefined;
  /** Device of the GPU that draws where the definition names none. */
  readonly renderNode?: string;
  /** Whether `<qemu:commandline>` of the definition is honoured: it can do anything that QEMU can. */
  readonly allowPassthrough: boolean;
}
