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
import { withoutSecrets } from "@virtmesh/documents/domain/forms";
import { formatSnapshot, parseSnapshot } from "@virtmesh/documents/snapshot/document";
import { definitionOf } from "../definition/read.ts";
import type { Guest } from "../guests/guest.ts";
import { type PlacedSnapshot, snapshotTree } from "../guests/snapshot-tree.ts";
import type { EsxServer } from "../server.ts";
import { powerCaughtUp } from "./configure.ts";

/** vSphere's own snapshots: disks, and the memory of a guest that runs. */
export class EsxSnapshots implements SnapshotFacet {
  readonly #server: EsxServer;

  constructor(server: EsxServer) {
    this.#server = server;
  }

  async list(uuid: DomainUuid, _c: Call): Promise<readonly SnapshotInfo[]> {
    return treeOf(this.#server.guests.require(uuid)).map(({ info }) => info);
  }

  async xml(
    uuid: DomainUuid,
    name: string,
    { secure }: { readonly secure: boolean },
    c: Call,
  ): Promise<string> {
    const guest = this.#server.guests.require(uuid);
    const { info, object } = find(guest, name);
    const config = (await this.#server.read(object, ["config"], c)).get("config");
    const definition = config === undefined ? guest.facts.definition : definitionOf(config);
    return formatSnapshot({
      name: info.name,
      ...(info.description === "" ? {} : { description: info.description }),
      state: info.state === "running" || info.state === "paused" ? info.state : "shutoff",
      ...(info.parent === "" ? {} : { parent: { name: info.parent } }),
      creationTime: Math.trunc(info.createTimeMs / 1000),
      memory: { snapshot: info.memory ? "internal" : "no" },
      domain: secure ? definition : withoutSecrets(definition),
    });
  }

  async create(uuid: DomainUuid, request: SnapshotRequest, c: Call): Promise<SnapshotInfo> {
    const guest = this.#server.guests.require(uuid);
    const asked = request.xml === "" ? undefined : parseSnapshot(request.xml);
    const name =
      request.name || (asked?.name ?? freshSnapshotName(treeOf(guest).map(({ info }) => info.name)));
    const description = request.description || (asked?.description ?? "");
    const resource = { type: "snapshot", name };
    if (treeOf(guest).some(({ info }) => info.name === name))
      throw new VirtError("SNAPSHOT_EXISTS", `guest "${guest.name}" has a snapshot "${name}" already`, {
        resource,
      });
    const what = `snapshot "${name}" of guest "${guest.name}" cannot be made`;
    const memory = !request.diskOnly && guest.facts.power === "poweredOn";
    const args = { name, description, memory, quiesce: request.quiesce };
    await this.#server.guests.during(uuid, c, async () => {
      await this.#server.task(what, guest, "CreateSnapshot_Task", args, c);
      await this.#until(guest, (tree) => tree.some(({ info }) => info.name === name && info.current), c);
      this.#tell(guest, "created", name);
      if (request.halt && guest.facts.power !== "poweredOff") {
        guest.intent = "destroy";
        await this.#server.task(
          `guest "${guest.name}" cannot be powered off`,
          guest,
          "PowerOffVM_Task",
          {},
          c,
        );
        await this.#server.guests.until(uuid, (told) => told?.power === "poweredOff", c);
      }
    });
    return find(guest, name).info;
  }

  async revert(uuid: DomainUuid, name: string, state: RevertState, c: Call): Promise<DomainInfo> {
    const { guests } = this.#server;
    const guest = guests.require(uuid);
    const { object } = find(guest, name);
    const what = `guest "${guest.name}" cannot go back to snapshot "${name}"`;
    if (state === "paused")
      throw new VirtError("UNSUPPORTED", `${what} and stay paused: vSphere has no such start`);
    await guests.during(uuid, c, async () => {
      guest.intent = "destroy";
      await this.#server.taskAt(what, object, "RevertToSnapshot_Task", {}, c, guest.name);
      const power = await powerCaughtUp(this.#server, guest, c);
      await this.#until(guest, (tree) => tree.some(({ info }) => info.name === name && info.current), c);
      this.#tell(guest, "reverted", name);
      if (state === "running" && power !== "poweredOn") {
        await this.#server.task(`guest "${guest.name}" cannot be started`, guest, "PowerOnVM_Task", {}, c);
        await guests.until(uuid, (told) => told?.power === "poweredOn", c);
      }
    });
    return guest.info;
  }

  async delete(uuid: DomainUuid, name: string, scope: SnapshotScope, c: Call): Promise<void> {
    const guest = this.#server.guests.require(uuid);
    const found = find(guest, name);
    const below = treeOf(guest).filter(({ info }) => info.parent === name);
    await this.#server.guests.during(uuid, c, async () => {
      const gone = scope === "childrenOnly" ? below : [found];
      for (const { object, info } of gone) {
        const what = `snapshot "${info.name}" of guest "${guest.name}" cannot be deleted`;
        const removed = scope === "alone" ? [info.name] : [...descendants(guest, info.name), info.name];
        const args = { removeChildren: scope !== "alone" };
        await this.#server.taskAt(what, object, "RemoveSnapshot_Task", args, c, guest.name);
        await this.#until(guest, (tree) => !tree.some((each) => each.info.name === info.name), c);
        for (const each of removed) this.#tell(guest, "deleted", each);
      }
    });
  }

  async #until(guest: Guest, isSo: (tree: readonly PlacedSnapshot[]) => boolean, c: Call): Promise<void> {
    await this.#server.guests.until(guest.uuid, (told) => isSo(snapshotTree(told?.snapshots)), c);
  }

  #tell(guest: Guest, type: "created" | "reverted" | "deleted", snapshot: string): void {
    this.#server.guests.events.emit(guest, { kind: "snapshot", type, snapshot });
  }
}

function treeOf(guest: Guest): readonly PlacedSnapshot[] {
  return snapshotTree(guest.facts.snapshots);
}

/** vSphere lets several have one name; which of them is meant nobody can say then. */
function find(guest: Guest, name: string): PlacedSnapshot {
  const [found, other] = treeOf(guest).filter(({ info }) => info.name === name);
  const resource = { type: "snapshot", name };
  if (found === undefined)
    throw new VirtError("SNAPSHOT_NOT_FOUND", `guest "${guest.name}" has no snapshot "${name}"`, {
      resource,
    });
  if (other === undefined) return found;
  throw new VirtError(
    "INVALID_FIELD",
    `guest "${guest.name}" has several snapshots "${name}"; give them names of their own first`,
    { resource },
  );
}

/** Everything below a snapshot, children before their parents. */
function descendants(guest: Guest, name: string): readonly string[] {
  return treeOf(guest)
    .filter(({ info }) => info.parent === name)
    .flatMap(({ info }) => [...descendants(guest, info.name), info.name]);
}
