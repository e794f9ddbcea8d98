import type { DiskMove, DiskMoved, DiskMoveFacet, DiskMoveRun } from "@virtmesh/core/driver/disk-moves";
import type { Call } from "@virtmesh/core/call";
import { VirtError } from "@virtmesh/core/errors";
import { disksOf, toDefinition, withDiskPaths } from "./definition.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { pause } from "./pause.ts";

/** Empty: as now. */
const FORMATS: ReadonlySet<string> = new Set(["", "raw", "qcow2"]);

/** Disks of a test host that move: their content does, and what the guest writes meanwhile. */
export class TestDiskMoves implements DiskMoveFacet {
  readonly #hypervisor: Hypervisor;

  constructor(hypervisor: Hypervisor) {
    this.#hypervisor = hypervisor;
  }

  async move(move: DiskMove, run: DiskMoveRun, c: Call): Promise<DiskMoved> {
    const { images } = this.#hypervisor;
    const { guest, instance } = this.#hypervisor.running(move.uuid);
    const { plan, model } = instance.definition;
    const disk = disksOf(model).find((d) => d.target === move.disk);
    if (disk === undefined)
      throw new VirtError("DEVICE_NOT_FOUND", `guest "${guest.name}" has no disk ${move.disk}`);
    if (!move.path.startsWith("/")) throw invalid("path", `"${move.path}" is no absolute path`);
    if (!FORMATS.has(move.format))
      throw invalid("format", `there are no images of the format ${move.format}`);
    if (move.path === disk.source || images.get(move.path) !== undefined)
      throw new VirtError("ALREADY_EXISTS", `${move.path} exists already and is not overwritten`);
    plan.check("diskMoves.move");
    const old = images.open(disk.source, images.get(disk.source)?.capacityBytes ?? 0n);
    const made = images.make(move.path, old.capacityBytes);
    const onWrite = (offset: number, data: Uint8Array): void => made.content.set(data, offset);
    old.listeners.add(onWrite);
    try {
      await pause(plan.delayOf("diskMoves.move"), AbortSignal.any([c.signal, run.cancel]));
    } catch {
      images.remove(move.path);
      c.signal.throwIfAborted();
      throw new VirtError("OPERATION_ABORTED", `the move of disk ${move.disk} was cancelled`);
    } finally {
      old.listeners.delete(onWrite);
    }
    old.content.copy(made.content);
    run.progress({ totalBytes: old.capacityBytes, copiedBytes: old.capacityBytes, ready: true });
    const paths = new Map([[move.disk, move.path]]);
    instance.definition = toDefinition(withDiskPaths(model, paths));
    if (guest.persistent !== undefined)
      this.#hypervisor.define(toDefinition(withDiskPaths(guest.persistent.model, paths)));
    if (move.removeSource) images.remove(disk.source);
    return { format: disk.format, previousPath: disk.source, previousRemoved: move.removeSource };
  }

  /** Nothing of a test host outlives its process. */
  async pending(): Promise<readonly DiskMove[]> {
    return [];
  }

  async resume(move: DiskMove): Promise<DiskMoved> {
    throw new VirtError("OPERATION_NOT_FOUND", `the test host knows no move ${move.id}`);
  }
}

function invalid(field: string, description: string): VirtError {
  return new VirtError("INVALID_FIELD", `${field}: ${description}`, { violations: [{ field, description }] });
}
