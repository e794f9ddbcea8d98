import { freshSnapshotName } from "@virtmesh/agent/guests/snapshot-names";
import type { Call } from "@virtmesh/core/call";
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
import { identified } from "@virtmesh/agent/guests/definition";
import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import { withoutSecrets } from "@virtmesh/documents/domain/forms";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { formatSnapshot, parseSnapshot } from "@virtmesh/documents/snapshot/document";
import type { Container } from "../containers/container.ts";
import type { Containers } from "../containers/containers.ts";
import { overlayOf } from "../native/overlay.ts";
import type { SnapshotStore, StoredSnapshot } from "../snapshots/store.ts";

/** Copies of the files of containers: of their folder, or of what they have changed of a common one. */
export class LxcSnapshots implements SnapshotFacet {
  readonly #containers: Containers;
  readonly #store: SnapshotStore;

  constructor(containers: Containers, store: SnapshotStore) {
    this.#containers = containers;
    this.#store = store;
  }

  async list(uuid: DomainUuid, _c: Call): Promise<readonly SnapshotInfo[]> {
    this.#containers.require(uuid);
    const current = await this.#store.current(uuid);
    return (await this.#store.list(uuid)).map((stored) => infoOf(stored, current));
  }

  async xml(uuid: DomainUuid, name: string, form: { readonly secure: boolean }, _c: Call): Promise<string> {
    const stored = await this.#find(uuid, name);
    const definition = parseDomain(stored.xml);
    return formatSnapshot({
      ...parseSnapshot("<domainsnapshot/>"),
      name,
      ...(stored.description === "" ? {} : { description: stored.description }),
      state: stored.state === "running" || stored.state === "paused" ? stored.state : "shutoff",
      ...(stored.parent === "" ? {} : { parent: { name: stored.parent } }),
      creationTime: Math.trunc(stored.createTimeMs / 1000),
      memory: { snapshot: "no" },
      domain: form.secure ? definition : withoutSecrets(definition),
    });
  }

  async create(uuid: DomainUuid, request: SnapshotRequest, c: Call): Promise<SnapshotInfo> {
    const container = this.#containers.require(uuid);
    const asked = request.xml === "" ? undefined : parseSnapshot(request.xml);
    const existing = await this.#store.list(uuid);
    const name = request.name || asked?.name || freshSnapshotName(existing.map((each) => each.name));
    if (existing.some((each) => each.name === name)) {
      throw new VirtError(
        "SNAPSHOT_EXISTS",
        `container "${container.name}" has a snapshot "${name}" already`,
        {
          resource: { type: "snapshot", name },
        },
      );
    }
    const files = filesOf(container.definition);
    const stored: StoredSnapshot = {
      name,
      description: request.description || (asked?.description ?? ""),
      parent: await this.#store.current(uuid),
      createTimeMs: Date.now(),
      state: container.state,
      xml: formatDomain(container.persistent ?? container.definition, { secure: true, inactive: true }),
    };
    await this.#still(container, c, () => this.#store.create(uuid, stored, files, c.signal));
    await this.#store.setCurrent(uuid, name);
    await this.#tell(container, "created", name, c);
    if (request.halt && container.run !== undefined) await this.#containers.destroy(container, c);
    return infoOf(stored, name);
  }

  async revert(uuid: DomainUuid, name: string, state: RevertState, c: Call): Promise<DomainInfo> {
    const container = this.#containers.require(uuid);
    const stored = await this.#find(uuid, name);
    const definition = identified(parseDomain(stored.xml));
    // Only files were kept, so there is nothing to go on from: what runs ends.
    if (container.run !== undefined) await this.#containers.destroy(container, c);
    await this.#store.restore(uuid, name, filesOf(definition), c.signal);
    await this.#store.setCurrent(uuid, name);
    if (container.persistent !== undefined) await this.#containers.define(definition, c);
    await this.#tell(container, "reverted", name, c);
    if (state === "running" || state === "paused")
      await this.#containers.start(container, definition, { paused: state === "paused" }, c);
    return container.info;
  }

  async delete(uuid: DomainUuid, name: string, scope: SnapshotScope, c: Call): Promise<void> {
    const container = this.#containers.require(uuid);
    const stored = await this.#find(uuid, name);
    const below = scope === "alone" ? [] : descendants(await this.#store.list(uuid), name);
    for (const each of scope === "childrenOnly" ? below : [...below, stored]) {
      // Another may have become its parent meanwhile.
      await this.#store.remove(uuid, await this.#find(uuid, each.name));
      await this.#tell(container, "deleted", each.name, c);
    }
  }

  /** Nothing changes the files while they are copied. */
  async #still(container: Container, c: Call, work: () => Promise<void>): Promise<void> {
    if (container.run?.standing.state !== "running") return await work();
    await this.#containers.during(container, c, async () => {
      await this.#containers.freeze(container, c);
      try {
        await work();
      } finally {
        // It must not stand still because somebody gave up waiting for its snapshot.
        if (container.run !== undefined)
          await this.#containers.thaw(container, { ...c, signal: new AbortController().signal });
      }
    });
  }

  async #tell(
    container: Container,
    type: "created" | "reverted" | "deleted",
    snapshot: string,
    c: Call,
  ): Promise<void> {
    await this.#containers.during(container, c, async () =>
      this.#containers.events.emit(container, { kind: "snapshot", type, snapshot }),
    );
  }

  async #find(uuid: DomainUuid, name: string): Promise<StoredSnapshot> {
    const container = this.#containers.require(uuid);
    const found = (await this.#store.list(uuid)).find((each) => each.name === name);
    if (found !== undefined) return found;
    throw new VirtError("SNAPSHOT_NOT_FOUND", `container "${container.name}" has no snapshot "${name}"`, {
      resource: { type: "snapshot", name },
    });
  }
}

/** The folder that a container changes. @throws CONFIG_UNSUPPORTED naming what is not in it */
function filesOf(definition: DomainDefinition): string {
  const disk = definition.devices.disks.find((d) => d.readonly !== true);
  if (disk !== undefined)
    throw unsupported(definition, `disk ${disk.target.dev} is not part of the files that a snapshot keeps`);
  const root = definition.devices.filesystems.find((f) => f.target === "/");
  const upper = overlayOf(definition);
  if (upper !== undefined) return upper;
  if (root !== undefined && (root.type === "mount" || root.type === "bind") && root.source?.dir !== undefined)
    return root.source.dir;
  throw unsupported(definition, "its root is a device and not a folder");
}

function unsupported({ name }: DomainDefinition, why: string): VirtError {
  return new VirtError("CONFIG_UNSUPPORTED", `container "${name}" cannot have snapshots: ${why}`, {
    resource: { type: "domain", name },
  });
}

function infoOf(stored: StoredSnapshot, current: string): SnapshotInfo {
  const { xml: _, ...facts } = stored;
  return { ...facts, current: stored.name === current, memory: false, internal: false };
}

/** Everything below a snapshot, children before their parents. */
function descendants(all: readonly StoredSnapshot[], name: string): StoredSnapshot[] {
  return all
    .filter((each) => each.parent === name)
    .flatMap((child) => [...descendants(all, child.name), child]);
}
