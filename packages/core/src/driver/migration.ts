import type { Call } from "../call.ts";
import type { DomainUuid, Generation, MigrationId } from "../ids.ts";
import type { Endpoints } from "../migration/endpoints.ts";
import type { DestinationHypervisorFact, SourceHypervisorFact } from "../migration/facts.ts";

/** What the user asked for, as far as a driver cares. */
export interface MigrationPlan {
  readonly id: MigrationId;
  readonly uuid: DomainUuid;
  readonly mode: "live" | "offline";
  readonly copyMode: "background" | "write-blocking";
  readonly tuning: Tuning;
  /** undefined: as on the source. */
  readonly persistDestination?: boolean;
  readonly undefineSource?: boolean;
  readonly leavePaused: boolean;
  readonly abortOnIoError: boolean;
  readonly unsafe: boolean;
  readonly destinationName: string;
  readonly destinationXml: string;
  /** 1 means a single connection, more means multifd. */
  readonly parallelConnections: number;
  readonly compression: "none" | "xbzrle" | "zlib" | "zstd";
  readonly autoConverge: boolean;
  readonly tls: boolean;
  /** Limit for all of it, in milliseconds; 0 without one. */
  readonly timeoutMs: number;
  /** Post-copy is allowed; by itself after that many passes over memory (0: never by itself). */
  readonly postcopy?: { readonly afterPasses: number };
  /** Which disks to copy: none (shared storage), every writable one, or those listed. */
  readonly disks: "shared" | "all" | readonly DiskChoice[];
}

export interface DiskChoice {
  readonly target: string;
  /** Empty: the same path. */
  readonly destinationPath: string;
  /** Empty: the same format. */
  readonly destinationFormat: string;
}

export interface Tuning {
  /** Bytes a second; 0 without a limit. */
  readonly memoryBandwidth: bigint;
  /** Bytes a second for each disk; 0 without a limit. */
  readonly diskBandwidth: bigint;
  readonly maxDowntimeMs: number;
}

/** One thing in the way. `type` is stable: `DISK_SPACE`, `NAME_TAKEN`, ... */
export interface Obstacle {
  readonly type: string;
  readonly subject: string;
  readonly description: string;
}

export interface OfferedDisk {
  readonly target: string;
  readonly sourcePath: string;
  readonly format: string;
  readonly capacityBytes: bigint;
  readonly copy: boolean;
  readonly destinationPath: string;
  readonly destinationFormat: string;
}

/** What the source tells the destination before anything is made. */
export interface MigrationOffer {
  readonly plan: MigrationPlan;
  readonly name: string;
  readonly sourceHost: string;
  readonly sourceHostUuid: string;
  readonly hypervisorVersion: string;
  readonly nextGeneration: Generation;
  /** Migratable definition of what will run. */
  readonly xml: string;
  /** Definition to keep there; empty when it is transient there. */
  readonly persistentXml: string;
  readonly disks: readonly OfferedDisk[];
  readonly requiredFeatures: readonly string[];
  /** Whether the CPUs ran when it began. */
  readonly running: boolean;
  readonly memoryBytes: bigint;
}

/** One look at how far it is: numbers for people, never a ground for a decision. */
export interface MigrationSample {
  readonly disks: readonly {
    readonly target: string;
    readonly totalBytes: bigint;
    readonly copiedBytes: bigint;
  }[];
  readonly memoryTotalBytes: bigint;
  readonly memoryTransferredBytes: bigint;
  readonly memoryRemainingBytes: bigint;
  readonly dirtyBytesPerSecond: bigint;
  readonly throughputBytesPerSecond: bigint;
  readonly memoryPasses: number;
  /** As the hypervisor counts it; 0 before the end. */
  readonly downtimeMs: number;
}

export interface SourceExamination {
  readonly offer: Omit<MigrationOffer, "sourceHost" | "sourceHostUuid" | "nextGeneration">;
  readonly obstacles: readonly Obstacle[];
  readonly warnings: readonly string[];
}

/** The source's half of migrations, as a hypervisor can do it. */
export interface MigrationSourceFacet {
  /** What would move, and everything on this side that stands in the way. Changes nothing. */
  examine(plan: MigrationPlan, c: Call): Promise<SourceExamination>;
  /** Takes the guest for a migration (one that is off only with disks to copy): the facts of the hypervisor flow to the sink from here on, before anything is started. */
  open(
    offer: MigrationOffer,
    sink: (fact: SourceHypervisorFact) => void,
    c: Call,
  ): Promise<OutgoingMigration>;
  /** The same after a restart of the agent. Sends what a query shows to be so now. undefined when the guest is not there any more. */
  reopen(
    offer: MigrationOffer,
    sink: (fact: SourceHypervisorFact) => void,
    c: Call,
  ): Promise<OutgoingMigration | undefined>;
  /** As `OutgoingMigration.retire`, for a guest that was off or whose process was gone already. */
  retireGone(offer: MigrationOffer, options: { readonly undefine: boolean }, c: Call): Promise<void>;
}

/** A guest on its way out. Methods resolve when the command was taken; what came of it arrives as a fact. */
export interface OutgoingMigration {
  /** Mirrors of all copied disks at once. Facts: mirrorReady, mirrorFailed per disk. */
  startMirrors(endpoints: Endpoints, c: Call): Promise<void>;
  /** Facts: switchover (the CPUs stand still and the hypervisor waits), memoryFailed. */
  sendMemory(endpoints: Endpoints, c: Call): Promise<void>;
  /** Ends every mirror. Facts: mirrorConcluded, mirrorFailed per disk. */
  concludeMirrors(c: Call): Promise<void>;
  /**
   * Lets device state go. Facts: sent, memoryFailed; with post-copy postcopyActive, postcopyPaused. When it has gone
   * already, those tell what became of it.
   */
  continueSwitchover(c: Call): Promise<void>;
  /**
   * The next switch-over is one to post-copy; the CPUs stand still from here on, and must not go on by themselves when
   * something fails. Fact: switchover. Absent: the driver cannot, and has refused plans with `postcopy`.
   */
  startPostcopy?(c: Call): Promise<void>;
  /** Goes on with a broken post-copy by another address. Facts: postcopyActive, or nothing when it does not work. */
  resumePostcopy?(address: string, c: Call): Promise<void>;
  /** Breaks the connection of a post-copy. Fact: postcopyPaused. */
  breakPostcopy?(c: Call): Promise<void>;
  /**
   * Undoes everything on this side and lets the guest run as before. `linkLost`: do not wait for the network. Facts:
   * rolledBack, with what could not be removed behind a guest that runs; sourceExited. @throws as long as it may stand
   * still: it is called again, maybe by another agent, until it works
   */
  rollBack(options: { readonly linkLost: boolean }, c: Call): Promise<void>;
  /** Ends a guest of which no host has all: off, and still defined here. Fact: sourceExited. @throws as long as it has not; called again then */
  end?(c: Call): Promise<void>;
  /** Ends the guest here: it runs elsewhere. Removes the definition too if asked. Fact: retired. */
  retire(options: { readonly undefine: boolean }, c: Call): Promise<void>;
  tune(tuning: Tuning, c: Call): Promise<void>;
  sample(c: Call): Promise<MigrationSample>;
  /** Lets go of the guest when the migration is over. */
  close(): void;
}

/** The destination's half of migrations, as a hypervisor can do it. */
export interface MigrationDestinationFacet {
  /** Everything on this side that stands in the way. Changes nothing. */
  examine(
    offer: MigrationOffer,
    c: Call,
  ): Promise<{ readonly obstacles: readonly Obstacle[]; readonly warnings: readonly string[] }>;
  /** Makes images, starts the hypervisor waiting, opens ports; records each thing before making it. On failure everything made is gone when it throws. */
  prepare(
    offer: MigrationOffer,
    sink: (fact: DestinationHypervisorFact) => void,
    c: Call,
  ): Promise<IncomingMigration>;
  /**
   * The same after a restart of the agent; undefined when nothing of it is left. For a guest that is off there is one in any
   * case: when it was decided, its definition is still to be kept (`settleCrashed`).
   */
  reopen(
    offer: MigrationOffer,
    sink: (fact: DestinationHypervisorFact) => void,
    c: Call,
  ): Promise<IncomingMigration | undefined>;
}

/** A guest on its way in. */
export interface IncomingMigration {
  readonly endpoints: Endpoints;
  /** Its process is there, or was an ordinary guest's. Else it has ended, and images that were made may be left. */
  readonly alive: boolean;
  /** The mirrors have concluded: nobody writes to the images from outside any more. */
  closeExports(c: Call): Promise<void>;
  /**
   * Lets the guest run (or leaves it paused, when the plan or its state before says so). Fact: running, resumeFailed, or
   * incomingFailed that says whether it may have run; with post-copy complete, postcopyPaused and postcopyActive after
   * that. Throws only when it has not run.
   */
  resume(c: Call): Promise<void>;
  /** Ends everything here and removes what was made, and only that. Resolves with what could not be removed. Fact: discarded. */
  discard(c: Call): Promise<readonly string[]>;
  /** Opens a door for the rest of a post-copy's memory, breaking the connection before it. Fact: recoverable. */
  openRecovery?(c: Call): Promise<void>;
  /**
   * Ends a guest whose memory will never be whole, by all that the source knows. What the hypervisor itself says now has
   * the last word. Fact: incomingFailed, or complete; none when memory still comes.
   */
  abandon?(c: Call): Promise<void>;
  /** The decision had been made and the process is gone, or must go: keeps the definition and the images, the guest is off. */
  settleCrashed(c: Call): Promise<void>;
  /** The guest is an ordinary guest of this host from here on. */
  close(): void;
}
