import type { Call } from "@virtmesh/core/call";
import type { MigrationOffer } from "@virtmesh/core/driver/migration";
import type { PortRange } from "../host/ports.ts";
import type { QmpConnection } from "../qmp/connection.ts";
import type { QmpEventListener } from "../qmp/events.ts";
import type { RecoveryPipe } from "../process/recovery-pipe.ts";
import type { IncomingRecords } from "./incoming-record.ts";

/** What the destination's half needs of a guest that waits for its memory. */
export interface WaitingGuest {
  /** @throws HYPERVISOR_UNRESPONSIVE while its QEMU does not answer */
  readonly qmp: QmpConnection;
  /** Resolves when its QEMU has answered this agent. */
  readonly connected: Promise<void>;
  /** Takes orders while it does not answer. Undefined of a process that has no memory. */
  readonly recovery?: Pick<RecoveryPipe, "order">;
  onQmpEvent(listener: QmpEventListener): Disposable;
  /** Resolves with why, when its process has ended. */
  readonly exited: Promise<string>;
  /** It is an ordinary guest of this host by now, whose end is told like that of any other. */
  readonly isAdopted: boolean;
  /** Makes it an ordinary guest of this host, and says so; `pulling` that it lacks memory. */
  adopt(how: "whole" | "pulling"): Promise<void>;
  /** It has all its memory now. */
  whole(): Promise<void>;
  /** Ends it at once: a crash. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Ends it as if it had never been. */
  discard(): Promise<void>;
}

/** What the destination's half needs of the host. */
export interface DestinationSite {
  readonly records: IncomingRecords;
  /** Makes room where the guest left images behind that nobody has touched since. */
  clearLeftImages(offer: MigrationOffer): Promise<void>;
  /** Ports for memory and disks. */
  readonly ports: PortRange;
  /** Where other hosts reach this one. */
  readonly dataAddress: string;
  /** Name in this host's certificate. */
  readonly host: string;
  readonly hypervisorVersion: string;
  readonly tlsDir: string | undefined;
  startIncoming(offer: MigrationOffer, c: Call): Promise<WaitingGuest>;
  /** Makes the guest one that is off, with the definition that the destination keeps. */
  define(offer: MigrationOffer): Promise<void>;
}
