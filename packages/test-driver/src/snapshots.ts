import type { Call } from "@virtmesh/core/call";
import type { DomainState } from "@virtmesh/core/domain/state";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import type {
  RevertState,
  SnapshotFacet,
  SnapshotInfo,
  SnapshotRequest,
  SnapshotScope,
} from "@virtmesh/core/driver/snapshots";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { type Definition, disksOf } from "./definition.ts";
import { currentDefinition, type Guest, infoOf, type StoredSnapshot } from "./guest.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { readSnapshotXml, snapshotXml } from "./snapshot-xml.ts";

export class TestSnapshots implements SnapshotFacet {
  readonly #hypervisor: Hypervisor;

  constructor(hypervisor: Hypervisor) {
    this.#hypervisor = hypervisor;
  }

  async list(uuid: DomainUuid): Promise<readonly SnapshotInfo[]> {
    const guest = this.#hypervisor.get(uuid);
    // A child was made after its parent, and deleting keeps the order.
    return [...guest.snapshots.values()].map((stored) => infoOfSnapshot(guest, stored));
  }

  async xml(uuid: DomainUuid, name: string, form: { readonly secure: boolean }): Promise<string> {
    const guest = this.#hypervisor.get(uuid);
    const stored = find(guest, name);
    return snapshotXml(infoOfSnapshot(guest, stored), stored.definition.model, form.secure);
  }

  async create(uuid: DomainUuid, request: SnapshotRequest, c: Call): Promise<SnapshotInfo> {
    const guest = this.#hypervisor.get(uuid);
    const document = request.xml === "" ? undefined : readSnapshotXml(request.xml);
    const name = request.name || document?.name || freshName(guest);
    if (guest.snapshots.has(name)) {
      throw new VirtError("SNAPSHOT_EXISTS", `guest "${guest.name}" has a snapshot "${name}" already`, {
        resource: { type: "snapshot", name },
      });
    }
    await currentDefinition(guest).plan.before("createSnapshot", c);
    const definition = currentDefinition(guest);
    const { state } = infoOf(guest);
    const stored: StoredSnapshot = {
      name,
      description: request.description || (document?.description ?? ""),
      parent: guest.currentSnapshot,
      createTimeMs: Date.now(),
      state,
      memory: guest.instance !== undefined && !request.diskOnly && document?.diskOnly !== true,
      definition,
      images: this.#contentOf(definition),
    };
    guest.snapshots.set(name, stored);
    guest.currentSnapshot = name;
    this.#hypervisor.emit(guest, { kind: "snapshot", type: "created", snapshot: name }, c);
    if (request.halt) this.#hypervisor.stop(guest, "from-snapshot", c);
    return infoOfSnapshot(guest, stored);
  }

  async revert(uuid: DomainUuid, name: string, state: RevertState, c: Call): Promise<DomainInfo> {
    const guest = this.#hypervisor.get(uuid);
    const stored = find(guest, name);
    await currentDefinition(guest).plan.before("revertSnapshot", c);
    for (const [path, content] of stored.images) content.copy(this.#hypervisor.images.open(path, 0n).content);
    guest.currentSnapshot = name;
    const { definition } = stored;
    if (guest.persistent !== undefined) this.#hypervisor.define(definition, c);
    const wanted = state === "asSaved" ? (stored.memory ? stored.state : "shutoff") : state;
    this.#bring(guest, definition, wanted, c);
    this.#hypervisor.emit(guest, { kind: "snapshot", type: "reverted", snapshot: name }, c);
    return infoOf(guest);
  }

  async delete(uuid: DomainUuid, name: string, scope: SnapshotScope, c: Call): Promise<void> {
    const guest = this.#hypervisor.get(uuid);
    const stored = find(guest, name);
    await currentDefinition(guest).plan.before("deleteSnapshot", c);
    const below = scope === "alone" ? [] : descendants(guest, name);
    for (const each of below) this.#forget(guest, find(guest, each), c);
    if (scope !== "childrenOnly") this.#forget(guest, stored, c);
  }

  /** The run of a transient guest is all there is of it, so one that goes on running keeps it. */
  #bring(guest: Guest, definition: Definition, wanted: DomainState, c: Call): void {
    const { instance } = guest;
    if (wanted !== "running" && wanted !== "paused") return this.#hypervisor.stop(guest, "from-snapshot", c);
    if (instance === undefined) {
      this.#hypervisor.start(definition, wanted, "from-snapshot", c);
      return;
    }
    this.#hypervisor.redefineRunning(guest, definition);
    if (instance.state === wanted) return;
    if (wanted === "paused") this.#hypervisor.pause(guest, instance, "user", c);
    else this.#hypervisor.resume(guest, instance, "unpaused", c);
  }

  #forget(guest: Guest, { name, parent }: StoredSnapshot, c: Call): void {
    guest.snapshots.delete(name);
    if (guest.currentSnapshot === name) guest.currentSnapshot = parent;
    for (const [key, each] of guest.snapshots) {
      if (each.parent === name) guest.snapshots.set(key, { ...each, parent });
    }
    this.#hypervisor.emit(guest, { kind: "snapshot", type: "deleted", snapshot: name }, c);
  }

  #contentOf({ model }: Definition): ReadonlyMap<string, Buffer> {
    const paths = disksOf(model).map((disk) => disk.source);
    return new Map(
      paths.flatMap((path) => {
        const image = this.#hypervisor.images.get(path);
        return image === undefined ? [] : [[path, Buffer.from(image.content)] as const];
      }),
    );
  }
}

function infoOfSnapshot(guest: Guest, stored: StoredSnapshot): SnapshotInfo {
  const { definition: _, images: __, ...facts } = stored;
  return { ...facts, current: guest.currentSnapshot === stored.name, internal: true };
}

/** As libvirt makes names up: the time, counted on when there is one of that name. */
function freshName(guest: Guest): string {
  let seconds = Math.trunc(Date.now() / 1000);
  while (guest.snapshots.has(String(seconds))) seconds += 1;
  return String(seconds);
}

function find(guest: Guest, name: string): StoredSnapshot {
  const found = guest.snapshots.get(name);
  if (found !== undefined) return found;
  throw new VirtError("SNAPSHOT_NOT_FOUND", `guest "${guest.name}" has no snapshot "${name}"`, {
    resource: { type: "snapshot", name },
  });
}

/** Everything below a snapshot, children before their parents. */
function descendants(guest: Guest, name: string): string[] {
  const children = [...guest.snapshots.values()].filter((each) => each.parent === name);
  return children.flatMap((child) => [...descendants(guest, child.name), child.name]);
}
