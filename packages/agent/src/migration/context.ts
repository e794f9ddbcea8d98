import type { HostName } from "@virtmesh/core/ids";
import type { Progress } from "@virtmesh/core/migration/progress";
import type { GuestLost } from "@virtmesh/core/migration/source-state";
import type { Channel } from "@virtmesh/kit/grpc-client";
import type { MigrationRecords } from "@virtmesh/mesh/records";
import type { Chassis } from "../chassis.ts";
import type { Budget } from "../traffic/budget.ts";
import type { IncomingGate } from "../traffic/incoming-gate.ts";
import type { OutgoingGate } from "../traffic/outgoing-gate.ts";
import type { FaultPoints } from "./fault-points.ts";
import type { JournalHeader, JournalSide } from "./journal.ts";
import type { Report } from "./report.ts";

/** What the migrations of an agent need of it. */
export interface MigrationContext
  extends Pick<Chassis, "driver" | "tokens" | "logger" | "queue" | "operations" | "signal" | "cordon"> {
  readonly host: HostName;
  /** Connection URI of this agent, with its host. */
  readonly uri: string;
  readonly journalDir: string;
  readonly records: MigrationRecords;
  /** Callers prove who they are: an agent speaks only for its own host. */
  readonly authenticated: boolean;
  /** A channel to the agent that serves a URI. @throws UNKNOWN_HOST, HOST_GONE */
  peer(uri: string): Channel;
  /** Calls back when some agent comes back: a good moment to try again. */
  onChance(listener: () => void): Disposable;
  /** The lines before migrations, from here and to here, and what they share. */
  readonly outgoing: OutgoingGate;
  readonly incoming: IncomingGate;
  readonly budget: Budget;
  /** For how long nothing of a migration may come forward before it ends; 0 for ever. */
  readonly stallMs: number;
  /** For how long the other agent may say nothing before it is taken for lost. */
  readonly silenceMs: number;
  /** Tells the world (events, metrics, the operation). */
  readonly news: MigrationNews;
  /** Only in tests. */
  readonly points?: FaultPoints;
}

export interface MigrationNews {
  /** One that had to wait does not any more. */
  waited(outcome: "begun" | "givenUp", seconds: number): void;
  began(header: JournalHeader, side: JournalSide): void;
  /** A fact that a machine was fed with: kept in the stream MIGRATIONS for whoever wants to know what happened. */
  heard(header: JournalHeader, side: JournalSide, fact: { readonly fact: string }): void;
  progressed(header: JournalHeader, progress: Progress): void;
  ended(header: JournalHeader, side: JournalSide, outcome: Outcome): void;
}

/** How a migration ended, seen from one side. */
export type Outcome =
  | {
      readonly outcome: "moved";
      /** Only the source measures. */
      readonly report: Report | undefined;
      readonly leftovers: readonly string[];
    }
  | {
      readonly outcome: "stayed";
      readonly cancelled: boolean;
      readonly reason: string;
      readonly message: string;
      /** The guest runs nowhere: it ended, and is the source's (`here`) or the destination's. */
      readonly guestLost: GuestLost;
      readonly leftovers: readonly string[];
    };
