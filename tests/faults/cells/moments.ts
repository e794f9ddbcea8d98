import type { TuneMigrationRequest } from "@virtmesh/api/gen/virtmesh/v1/migration";

/** What is done so that a migration comes to a moment, and does not run past it. */
type Approach =
  /** As it is. */
  | "plain"
  /** Disks are copied so slowly that the copy is under way for long. */
  | "slow-disks"
  /** Memory comes over so slowly that the guest outruns it. */
  | "slow-memory"
  /** The user cancels it while disks are copied. */
  | "cancelled"
  /** NATS does not answer when the decision is to be recorded. */
  | "record-unreachable"
  /** The user switches to post-copy while memory is sent, and then it comes slowly. */
  | "postcopy"
  /** The same, and the memory's connection is broken when the guest runs there. */
  | "postcopy-broken"
  /** The same, and memory comes quickly when the guest runs there. */
  | "postcopy-fetched";

/**
 * Whose the guest is if nothing more goes wrong from here on. In post-copy it is the destination's: first whole here still
 * (`accepted`), then in parts on both hosts (`split`), when it is lost with either QEMU. Before it is decided, a source
 * that has journalled that it may be (`committed`), or does so next, does not know after a restart whether any of it went,
 * and hears of its QEMU's end before or after the decision.
 */
type Tendency = "undecided" | "decided" | "abandoned" | "doubtful" | "committed" | "accepted" | "split";

/** A place in the state machines where something strikes. */
export interface Moment {
  readonly name: string;
  /** Who is held, before which effect, behind which one or before which fact (fault-points.ts). */
  readonly point: string;
  /** The same comes on another way, whichever is quicker. */
  readonly orPoint?: string;
  readonly approach: Approach;
  readonly tendency: Tendency;
  /** For people. */
  readonly says: string;
  /** What costs the guest then though no process dies. */
  readonly fragile?: readonly string[];
  /** What can be struck then; unless told, what the victims themselves say (victims.ts). */
  readonly victims?: readonly string[];
}

/** What there is to strike from the switch to post-copy on. */
const PROCESSES_AND_LINKS = [
  ...["source-agent", "destination-agent", "both-agents", "gateway", "nats-killed", "nats-paused"],
  ...["source-qemu", "destination-qemu", "agent-link-reset", "agent-link-swallowed", "host-link-swallowed"],
  ...["clock-jump", "source-agent-stopped", "destination-agent-stopped", "cancel", "second-migration"],
  ...["destination-power", "source-power"],
] as const;
const WITH_MEMORY = [...PROCESSES_AND_LINKS, "memory-link"] as const;
/**
 * Not healed, and told so in docs/migration.md: the connection is broken, no new door is open, and the destination's agent
 * dies, who alone had the monitor of a QEMU that waits for a page and takes no other.
 */
const WITH_MONITOR = WITH_MEMORY.filter((name) => name !== "destination-agent" && name !== "both-agents");

const moment = (
  name: string,
  point: string,
  tendency: Tendency,
  says: string,
  approach: Approach = "plain",
): Moment => ({ name, point, approach, tendency, says });

/** In the order in which a migration comes to them. */
export const MOMENTS: readonly Moment[] = [
  moment("offering", "source.offer", "undecided", "before the destination hears of it"),
  moment(
    "begun-there",
    "destination.journal.begun",
    "undecided",
    "before the destination journals that it began",
  ),
  moment("preparing", "destination.prepare", "undecided", "journalled there, nothing made yet"),
  moment("prepared", "destination.tellPrepared", "undecided", "everything made there, the source not told"),
  moment("mirroring", "source.startMirrors", "undecided", "the source told, no disk being copied yet"),
  moment("copying", "source.startMirrors.done", "undecided", "disks are being copied", "slow-disks"),
  moment("ready", "source.sendMemory", "undecided", "every disk ready, memory not begun"),
  moment("sending", "source.sendMemory.done", "undecided", "memory is being sent", "slow-memory"),
  moment("switching", "source.concludeMirrors", "undecided", "CPUs stand still, mirrors not concluded"),
  moment("concluded", "source.continueSwitchover", "undecided", "mirrors concluded, device state not sent"),
  moment(
    "journalling",
    "source.journal.deciding",
    "undecided",
    "device state under way, 'deciding' not journalled",
  ),
  moment("loaded", "destination.tellLoaded", "undecided", "everything loaded there, the source not told"),
  moment("deciding", "source.decide", "undecided", "'deciding' journalled, the record not written"),
  moment("decided", "source.recordDestination", "decided", "the record written, the source not acting on it"),
  moment("telling", "source.tellDecided", "decided", "the source acts on it, the destination not told"),
  moment("hearing", "destination.sourceDecided", "decided", "the destination told, not acting on it"),
  moment(
    "resuming",
    "destination.journal.resuming",
    "decided",
    "before the destination journals the decision",
  ),
  moment("running", "destination.resume", "decided", "journalled there, the CPUs stand still"),
  moment("resumed", "destination.running", "decided", "the CPUs run there, the agent there not knowing"),
  moment("adopting", "destination.adopt", "decided", "the source told, the run token not taken"),
  moment("surrendering", "source.surrender", "decided", "the source told, its run token not given up"),
  moment("retiring", "source.retire", "decided", "the source told, its guest not ended"),
  moment("retired", "source.tellRetired", "decided", "the source's guest ended, the destination not told"),
  moment("aborting", "source.rollBack", "abandoned", "given up, nothing rolled back", "cancelled"),
  moment("discarding", "destination.discard", "abandoned", "given up, nothing removed there", "cancelled"),
  moment(
    "promising",
    "destination.journal.promised",
    "abandoned",
    "removed there, the promise not journalled",
    "cancelled",
  ),
  moment(
    "in-doubt",
    "source.askPeer",
    "doubtful",
    "the answer of the record lost, nobody asked yet",
    "record-unreachable",
  ),
  {
    ...moment(
      "promised",
      "source.peerDiscarded",
      "abandoned",
      "the destination has promised never to run it, the source not acting on it",
      "record-unreachable",
    ),
    orPoint: "source.peerStanding",
  },
  ...[
    moment(
      "committing",
      "source.journal.committing",
      "committed",
      "post-copy: mirrors concluded, 'committing' not journalled",
      "postcopy",
    ),
    moment(
      "choosing",
      "source.decide",
      "committed",
      "post-copy: 'committing' journalled, the record not written",
      "postcopy",
    ),
    moment(
      "accepting",
      "destination.tellAccepted",
      "accepted",
      "post-copy: accepted there, device state still here",
      "postcopy",
    ),
  ].map((m) => ({ ...m, victims: PROCESSES_AND_LINKS })),
  ...[
    {
      ...moment(
        "half-there",
        "destination.resume",
        "split",
        "post-copy: device state there, the CPUs stand still",
        "postcopy",
      ),
      // QEMU goes on by a new connection only with a guest that runs (migration/savevm.c, postcopy_pause_incoming).
      fragile: ["memory-link"],
    },
    moment("pulling", "source.peerPulling", "split", "it runs there, the source not knowing", "postcopy"),
    moment("taking", "destination.adopt", "split", "it runs there, the run token not taken", "postcopy"),
    moment(
      "mending",
      "source.resumePostcopy",
      "split",
      "a new door open there, not gone through",
      "postcopy-broken",
    ),
  ].map((m) => ({ ...m, victims: WITH_MEMORY })),
  ...[
    moment(
      "stranded",
      "source.postcopyPaused",
      "split",
      "the memory's connection broke, the source not knowing",
      "postcopy-broken",
    ),
    moment(
      "reopening",
      "destination.openRecovery",
      "split",
      "it broke, no new door opened there",
      "postcopy-broken",
    ),
  ].map((m) => ({ ...m, victims: WITH_MONITOR })),
  {
    ...moment(
      "fetched",
      "source.peerResumed",
      "decided",
      "the last page is there, the source not knowing",
      "postcopy-fetched",
    ),
    victims: PROCESSES_AND_LINKS,
  },
];

/** Whether it is begun with the choice of post-copy. */
export function isPostcopy(approach: Approach): boolean {
  return approach === "postcopy" || approach === "postcopy-broken" || approach === "postcopy-fetched";
}

/** Limits under which a migration begins. */
export function tuningOf(approach: Approach): TuneMigrationRequest["tuning"] {
  const mib = 2n ** 20n;
  switch (approach) {
    case "slow-disks":
    case "cancelled":
      return {
        memoryBandwidthBytesPerSecond: 0n,
        diskBandwidthBytesPerSecond: 2n * mib,
        maxDowntime: undefined,
      };
    case "slow-memory":
      return {
        memoryBandwidthBytesPerSecond: mib,
        diskBandwidthBytesPerSecond: 0n,
        maxDowntime: { seconds: 0n, nanos: 1_000_000 },
      };
    // Slow enough to be under way when it is struck, and through in time when nobody lets it run.
    case "postcopy":
    case "postcopy-broken":
    case "postcopy-fetched":
      return {
        memoryBandwidthBytesPerSecond: 3n * mib,
        diskBandwidthBytesPerSecond: 0n,
        maxDowntime: { seconds: 0n, nanos: 1_000_000 },
      };
    case "plain":
    case "record-unreachable":
      return undefined;
  }
}
