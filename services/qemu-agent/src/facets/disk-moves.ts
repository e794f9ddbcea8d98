import { DiskMoveRecords } from "@virtmesh/agent/disk-moves/records";
import type { Call } from "@virtmesh/core/call";
import type { DiskMove, DiskMoved, DiskMoveFacet, DiskMoveRun } from "@virtmesh/core/driver/disk-moves";
import { VirtError } from "@virtmesh/core/errors";
import { type DiskMoveSite, MovingDisk } from "../disk-moves/disk-move.ts";
import { checkPlace, checkRemoval, movableDisk } from "../disk-moves/movable.ts";
import { nodesOf, rootNode } from "../disk-moves/nodes.ts";
import type { DiskMoveRecord } from "../disk-moves/records.ts";
import { settleWithoutGuest } from "../disk-moves/settle.ts";
import { lookAtFile } from "../migration/made-images.ts";

/** Disks of running guests that move to other storage of this host. */
export class QemuDiskMoves implements DiskMoveFacet {
  readonly #site: DiskMoveSite;

  constructor(site: Omit<DiskMoveSite, "records">, stateDir: string) {
    this.#site = { ...site, records: new DiskMoveRecords(stateDir) };
  }

  async move(move: DiskMove, run: DiskMoveRun, c: Call): Promise<DiskMoved> {
    const { guests } = this.#site;
    const guest = guests.require(move.uuid);
    const { disk, path: from } = movableDisk(guest, move);
    const format = move.format === "" ? (disk.driver?.type ?? "raw") : move.format;
    await checkPlace(move, from, format, guests.all());
    if (move.removeSource) await checkRemoval(move, from, guests.all());
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
    const record: DiskMoveRecord = {
      ...{ move, phase: "copying", resume: false, sinceMs: Date.now(), from, format, oldNodes, newNodes },
      fromFile: await lookAtFile(from),
    };
    return await new MovingDisk(this.#site, guest, record, run, c.signal).begin(BigInt(size));
  }

  async pending(): Promise<readonly DiskMove[]> {
    const { records, logger } = this.#site;
    const found = await records.all((err) => logger.error({ err }, "a move of a disk was left aside"));
    return found.map(({ move }) => move);
  }

  async resume(move: DiskMove, run: DiskMoveRun, c: Call): Promise<DiskMoved> {
    const { guests, records } = this.#site;
    const record = await records.require(move.id);
    const guest = guests.get(move.uuid);
    if (guest?.instance === undefined)
      return await settleWithoutGuest(record, guest, this.#site, run.cancel.aborted);
    return await new MovingDisk(this.#site, guest, record, run, c.signal).resume();
  }
}
