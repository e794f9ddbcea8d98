import { DiskMoveRecords } from "@virtmesh/agent/disk-moves/records";
import type { Call } from "@virtmesh/core/call";
import type { DiskMove, DiskMoved, DiskMoveFacet, DiskMoveRun } from "@virtmesh/core/driver/disk-moves";
import { VirtError } from "@virtmesh/core/errors";
import type { Guest } from "../guests/guest.ts";
import { formatOf, isFreePath, isPathOfDisk } from "../images/images.ts";
import { moveStorage, moveUnderWay } from "../migration/move.ts";
import type { JobWatcher } from "../msvm/jobs.ts";
import type { HypervServer } from "../server.ts";
import { hardwareOf, type PlacedDisk } from "../settings/hardware.ts";
import { targetOf } from "../settings/places.ts";
import type { Reference } from "../wsman/values.ts";
import { requireActive } from "./change-power.ts";

interface DiskMoveRecord {
  readonly move: DiskMove;
  readonly from: string;
}

/** Storage migration: disks of guests that run go to other storage of their host, as one job of that host. */
export class HypervDiskMoves implements DiskMoveFacet {
  readonly #server: HypervServer;
  readonly #records: DiskMoveRecords<DiskMoveRecord>;

  constructor(server: HypervServer, stateDir: string) {
    this.#server = server;
    this.#records = new DiskMoveRecords(stateDir);
  }

  async move(move: DiskMove, run: DiskMoveRun, c: Call): Promise<DiskMoved> {
    const guest = requireActive(this.#server, move.uuid);
    const { file: from } = movable(this.#server, guest, move);
    await this.#checkPlace(move, from, c);
    const record = { move, from };
    await this.#records.write(record);
    return await this.#perform(record, guest, run, c, async (watcher) => {
      await run.reached("copying");
      const places = new Map([[move.disk, move.path]]);
      const options = { places, keepSource: !move.removeSource };
      await moveStorage(this.#server, guest, guest.facts, options, watcher, c);
    });
  }

  async pending(): Promise<readonly DiskMove[]> {
    const { logger } = this.#server;
    const found = await this.#records.all((err) => logger.error({ err }, "a move of a disk was left aside"));
    return found.map(({ move }) => move);
  }

  /** The host has gone on with it meanwhile. */
  async resume(move: DiskMove, run: DiskMoveRun, c: Call): Promise<DiskMoved> {
    const record = await this.#records.require(move.id);
    const guest = this.#server.guests.require(move.uuid);
    return await this.#perform(record, guest, run, c, async (watcher) => {
      const job = await moveUnderWay(this.#server, guest, c);
      if (job === undefined) return;
      watcher.begun(job);
      await this.#server.follow(sentence(record, guest), job, c, watcher);
    });
  }

  async #perform(
    record: DiskMoveRecord,
    guest: Guest,
    run: DiskMoveRun,
    c: Call,
    work: (watcher: JobWatcher) => Promise<void>,
  ): Promise<DiskMoved> {
    const { move, from } = record;
    let failure: unknown;
    try {
      await this.#cancellable(from, run, c, work);
    } catch (e) {
      c.signal.throwIfAborted();
      failure = e;
    }
    // Where the guest has it is what counts, whatever became of the job.
    const place = await this.#server.guests.during(move.uuid, c, async () => {
      await this.#server.refresh(guest.key, c.signal);
      return diskOf(this.#server, this.#server.guests.require(move.uuid), move.disk)?.file;
    });
    await this.#records.remove(move.id);
    if (place === move.path)
      return { format: formatOf(place), previousPath: from, previousRemoved: move.removeSource };
    if (run.cancel.aborted)
      throw new VirtError(
        "OPERATION_ABORTED",
        `the move of disk ${move.disk} of guest "${guest.name}" was cancelled`,
      );
    throw (
      failure ??
      new VirtError(
        "HYPERVISOR_FAILED",
        `${sentence(record, guest)}: the host has ended it, and the disk is where it was`,
      )
    );
  }

  async #cancellable(
    from: string,
    run: DiskMoveRun,
    c: Call,
    work: (watcher: JobWatcher) => Promise<void>,
  ): Promise<void> {
    const totalBytes = this.#server.sampler.sizeOf(from);
    let job: Reference | undefined;
    const stop = (): void => {
      if (job !== undefined && run.cancel.aborted) void this.#server.stopJob(job, c);
    };
    const watcher: JobWatcher = {
      begun: (begun) => {
        job = begun;
        stop();
      },
      progress: (percent) => {
        const copiedBytes = (totalBytes * BigInt(percent)) / 100n;
        run.progress({ totalBytes, copiedBytes, ready: percent === 100 });
      },
    };
    run.cancel.addEventListener("abort", stop, { once: true });
    try {
      await work(watcher);
    } finally {
      run.cancel.removeEventListener("abort", stop);
    }
  }

  async #checkPlace({ path, format, disk, bytesPerSecond }: DiskMove, from: string, c: Call): Promise<void> {
    if (!isPathOfDisk(path))
      throw invalid("path", `"${path}" is no absolute path of a .vhd or .vhdx file on the Hyper-V host`);
    const present = formatOf(from);
    if (formatOf(path) !== present || (format !== "" && format !== present))
      throw invalid("format", `Hyper-V moves a disk in its own format, and ${disk} is a .${present} file`);
    if (bytesPerSecond > 0n)
      throw invalid("bandwidth_bytes_per_second", "Hyper-V has no limit for moves of disks; leave it out");
    if (path.toLowerCase() === from.toLowerCase())
      throw new VirtError("ALREADY_EXISTS", `disk ${disk} lies at ${path} already; give another path`);
    if (!(await isFreePath(this.#server, path, c)))
      throw new VirtError(
        "ALREADY_EXISTS",
        `${path} exists already and is not overwritten; give another path`,
      );
  }
}

function diskOf({ names }: HypervServer, { facts }: Guest, target: string): PlacedDisk | undefined {
  return hardwareOf(facts.settings, names).disks.find(({ place }) => targetOf(place) === target);
}

/** @throws DEVICE_NOT_FOUND, UNSUPPORTED */
function movable(server: HypervServer, guest: Guest, { disk: target }: DiskMove): PlacedDisk {
  const disk = diskOf(server, guest, target);
  const resource = { type: "disk", name: target };
  if (disk === undefined)
    throw new VirtError("DEVICE_NOT_FOUND", `guest "${guest.name}" has no disk "${target}"`, { resource });
  const why =
    disk.device !== "disk" || disk.file === ""
      ? "it is no disk that can be written to"
      : /\.avhdx?$/i.test(disk.file)
        ? "checkpoints lie below it; delete them first"
        : undefined;
  if (why === undefined) return disk;
  throw new VirtError("UNSUPPORTED", `disk ${target} of guest "${guest.name}" cannot be moved: ${why}`, {
    resource,
  });
}

function sentence({ move }: DiskMoveRecord, guest: Guest): string {
  return `disk ${move.disk} of guest "${guest.name}" cannot be moved to ${move.path}`;
}

function invalid(field: string, description: string): VirtError {
  return new VirtError("INVALID_FIELD", `${field}: ${description}`, { violations: [{ field, description }] });
}
