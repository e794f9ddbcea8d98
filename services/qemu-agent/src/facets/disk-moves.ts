import { stat } from "node:fs/promises";
import { dirname, isAbsolute } from "node:path";
import type { Call } from "@virtmesh/core/call";
import type { DiskMove, DiskMoved, DiskMoveFacet, DiskMoveRun } from "@virtmesh/core/driver/disk-moves";
import { VirtError } from "@virtmesh/core/errors";
import { type Disk, sourcePath } from "@virtmesh/documents/domain/devices/disk";
import { MovingDisk } from "../disk-moves/disk-move.ts";
import { nodesOf, rootNode } from "../disk-moves/nodes.ts";
import { type DiskMoveRecord, DiskMoveRecords } from "../disk-moves/records.ts";
import type { Guest } from "../domain/guest.ts";
import type { Guests } from "../domain/guests.ts";
import { IMAGE_FORMATS } from "../migration/images.ts";

/** Disks of running guests that move to other storage of this host. */
export class QemuDiskMoves implements DiskMoveFacet {
  readonly #guests: Guests;
  readonly #records: DiskMoveRecords;

  constructor(guests: Guests, stateDir: string) {
    this.#guests = guests;
    this.#records = new DiskMoveRecords(stateDir);
  }

  async move(move: DiskMove, run: DiskMoveRun, c: Call): Promise<DiskMoved> {
    const guest = this.#guests.require(move.uuid);
    const disk = movable(guest, move);
    const from = sourcePath(disk) ?? "";
    const fromFormat = disk.driver?.type ?? "raw";
    const format = move.format === "" ? fromFormat : move.format;
    await checkPlace(move, format);
    const root = await rootNode(guest.qmp, move.disk);
    if (root === undefined)
      throw new VirtError(
        "WRONG_STATE",
        `disk ${move.disk} of guest "${guest.name}" has no image of its own now`,
      );
    const known = await guest.execute("query-named-block-nodes", { flat: true }, { signal: c.signal });
    const size = known.find((n) => n["node-name"] === root)?.image["virtual-size"];
    if (size === undefined)
      throw new VirtError("HYPERVISOR_FAILED", `QEMU does not know the size of ${move.disk}`);
    const { now: oldNodes, next: newNodes } = nodesOf(move.disk, root);
    return this.#moving(
      guest,
      { move, phase: "copying", resume: false, from, fromFormat, format, oldNodes, newNodes },
      run,
      c,
    ).begin(BigInt(size));
  }

  async pending(): Promise<readonly DiskMove[]> {
    return (await this.#records.all()).map(({ move }) => move);
  }

  async resume(move: DiskMove, run: DiskMoveRun, c: Call): Promise<DiskMoved> {
    const record = (await this.#records.all()).find((r) => r.move.id === move.id);
    const guest = this.#guests.get(move.uuid);
    if (record === undefined || guest === undefined) {
      await this.#records.remove(move.id);
      throw new VirtError(
        "DOMAIN_NOT_FOUND",
        `the guest whose disk ${move.disk} was moved from ${record?.from ?? "?"} to ${move.path} is not here any more; both images are kept`,
      );
    }
    return this.#moving(guest, record, run, c).resume();
  }

  #moving(guest: Guest, record: DiskMoveRecord, run: DiskMoveRun, c: Call): MovingDisk {
    return new MovingDisk({ guests: this.#guests, records: this.#records }, guest, record, run, c.signal);
  }
}

/** @throws DOMAIN_NOT_RUNNING, DEVICE_NOT_FOUND, UNSUPPORTED, DOMAIN_BUSY */
function movable(guest: Guest, { disk: target }: DiskMove): Disk {
  const { jobs } = guest.running;
  const disk = guest.definition.devices.disks.find((d) => d.target.dev === target);
  const resource = { type: "disk", name: target };
  if (disk === undefined)
    throw new VirtError("DEVICE_NOT_FOUND", `guest "${guest.name}" has no disk ${target}`, { resource });
  const why =
    disk.device !== "disk" || disk.readonly === true
      ? "it is no disk that can be written to"
      : disk.shareable === true
        ? "other guests may use it too"
        : disk.driver?.copyOnRead === true
          ? "it copies on read"
          : disk.source?.encryption !== undefined || disk.encryption !== undefined
            ? "it is encrypted"
            : disk.backingStore !== undefined && disk.backingStore.type !== "none"
              ? "it has images below it"
              : undefined;
  if (why !== undefined || sourcePath(disk) === undefined)
    throw new VirtError(
      "UNSUPPORTED",
      `disk ${target} of guest "${guest.name}" cannot be moved: ${why ?? "it has no image"}`,
      {
        resource,
      },
    );
  const busy = jobs.list.find((j) => j.disk === target && (j.state === "running" || j.state === "ready"));
  if (busy !== undefined)
    throw new VirtError(
      "DOMAIN_BUSY",
      `block job ${busy.id} works on disk ${target}; wait for it or cancel it`,
      {
        resource,
      },
    );
  return disk;
}

/** @throws INVALID_FIELD, ALREADY_EXISTS */
async function checkPlace({ path }: DiskMove, format: string): Promise<void> {
  if (!isAbsolute(path)) throw invalid("path", `"${path}" is no absolute path`);
  if (!IMAGE_FORMATS.has(format))
    throw invalid("format", `images of the format ${format} cannot be made, only raw and qcow2`);
  if ((await stat(path).catch(() => undefined)) !== undefined)
    throw new VirtError("ALREADY_EXISTS", `${path} exists already and is not overwritten; give another path`);
  if ((await stat(dirname(path)).catch(() => undefined))?.isDirectory() !== true)
    throw invalid("path", `the folder ${dirname(path)} does not exist`);
}

function invalid(field: string, description: string): VirtError {
  return new VirtError("INVALID_FIELD", `${field}: ${description}`, { violations: [{ field, description }] });
}
