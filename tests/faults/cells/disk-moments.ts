/** The disk that is moved: half of it only a copy reads. */
export const MOVED_DISK = "vdb";

/** A place on a disk's way to other storage of its host at which something strikes. */
export interface DiskMoment {
  readonly name: string;
  /** Where the agent is held (DISK_MOVE_PLACES). */
  readonly point: string;
  /** It is copied slowly. */
  readonly slow: boolean;
  /** The guest's own word for where the disk is, if nothing more goes wrong: from here on, at the new place. */
  readonly isPivoted: boolean;
  readonly says: string;
  /** What can be struck then. */
  readonly victims: readonly string[];
}

const PROCESSES = [
  ...["source-agent", "gateway", "nats-killed", "nats-paused", "source-qemu", "clock-jump"],
  ...["source-agent-stopped", "cancel", "source-power"],
] as const;
const NEW_PLACE = ["destination-full", "destination-unwritable"] as const;

const at = (
  name: string,
  point: string,
  says: string,
  more: Partial<Pick<DiskMoment, "slow" | "isPivoted" | "victims">> = {},
): DiskMoment => ({ name, point, says, slow: false, isPivoted: false, victims: PROCESSES, ...more });

/** In the order in which a move comes to them. */
export const DISK_MOMENTS: readonly DiskMoment[] = [
  at("disk-copying", "diskMove.copying", "a disk is being copied to other storage of its host", {
    slow: true,
    victims: [...PROCESSES, ...NEW_PLACE, "source-read-error"],
  }),
  at("disk-ready", "diskMove.ready", "all of it copied, the guest still uses the old image", {
    victims: [...PROCESSES, ...NEW_PLACE],
  }),
  at("disk-pivoting", "diskMove.stopped", "the CPUs stand still, the job not told to pivot"),
  at("disk-pivoted", "diskMove.pivoted", "QEMU uses the new image, the definitions name the old one", {
    isPivoted: true,
  }),
  at("disk-done", "diskMove.resumed", "the guest runs on, the old image not closed", { isPivoted: true }),
];
