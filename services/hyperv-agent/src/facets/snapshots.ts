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
import { type Checkpoint, checkpointTree } from "../guests/checkpoints.ts";
import { readSettings } from "../guests/inventory.ts";
import type { Guest } from "../guests/guest.ts";
import { quoted, settingReference } from "../msvm/session.ts";
import { definitionOf } from "../settings/read.ts";
import { withCheckpoint } from "../settings/kept.ts";
import { embedded } from "../msvm/write.ts";
import type { HypervServer } from "../server.ts";
import type { Reference } from "../wsman/values.ts";
import { changePower, requestState } from "./change-power.ts";

const SERVICE = "Msvm_VirtualSystemSnapshotService";
/** SnapshotType: disks, and the memory of a guest that runs. */
const FULL = 2;

/** Hyper-V's checkpoints. The host is asked for them: it tells nothing of them by itself. */
export class HypervSnapshots implements SnapshotFacet {
  readonly #server: HypervServer;

  constructor(server: HypervServer) {
    this.#server = server;
  }

  async list(uuid: DomainUuid, c: Call): Promise<readonly SnapshotInfo[]> {
    return (await this.#tree(this.#server.guests.require(uuid), c)).map(({ info }) => info);
  }

  async xml(uuid: DomainUuid, name: string, form: { readonly secure: boolean }, c: Call): Promise<string> {
    const guest = this.#server.guests.require(uuid);
    const { id, info } = await this.#find(guest, name, c);
    const what = `snapshot "${name}" of guest "${guest.name}" cannot be read`;
    const settings = await this.#server.ask(
      what,
      (session, options) => readSettings(session, id, options),
      c,
    );
    if (settings === undefined)
      throw new VirtError("SNAPSHOT_NOT_FOUND", `${what}: the host does not know it any more`, {
        resource: { type: "snapshot", name },
      });
    // Its own name is the checkpoint's.
    const domain = { ...definitionOf(guest.key, settings, this.#server.names), name: guest.name };
    return formatSnapshot({
      ...parseSnapshot("<domainsnapshot/>"),
      name,
      ...(info.description === "" ? {} : { description: info.description }),
      state: info.memory ? "running" : "shutoff",
      ...(info.parent === "" ? {} : { parent: { name: info.parent } }),
      creationTime: Math.trunc(info.createTimeMs / 1000),
      memory: { snapshot: info.memory ? "internal" : "no" },
      domain: form.secure ? domain : withoutSecrets(domain),
    });
  }

  async create(uuid: DomainUuid, request: SnapshotRequest, c: Call): Promise<SnapshotInfo> {
    const guest = this.#server.guests.require(uuid);
    const asked = request.xml === "" ? undefined : parseSnapshot(request.xml);
    const before = await this.#tree(guest, c);
    const name = request.name || (asked?.name ?? freshSnapshotName(before.map(({ info }) => info.name)));
    const what = `snapshot "${name}" of guest "${guest.name}" cannot be made`;
    const refuse = (why: string): never => {
      throw new VirtError("UNSUPPORTED", `${what} ${why}`, { resource: { type: "snapshot", name } });
    };
    if (before.some(({ info }) => info.name === name))
      throw new VirtError("SNAPSHOT_EXISTS", `guest "${guest.name}" has a snapshot "${name}" already`, {
        resource: { type: "snapshot", name },
      });
    if (request.diskOnly && guest.active) refuse("without its memory while it runs; shut it down first");
    if (request.quiesce) refuse("with its file systems at rest; leave quiesce out");
    await this.#server.guests.during(uuid, c, async () => {
      const input = { AffectedSystem: guest.reference, SnapshotSettings: "", SnapshotType: FULL };
      await this.#server.call(what, SERVICE, "CreateSnapshot", input, c);
      // An answer with a job does not tell what was made.
      const after = await this.#tree(guest, c);
      const made = after.find(({ id }) => !before.some((each) => each.id === id));
      if (made === undefined) throw new VirtError("PROTOCOL", `${what}: the host says it did, and has none`);
      await this.#describe(made, name, request.description || (asked?.description ?? ""), what, c);
      await this.#server.refresh(guest.key, c.signal);
      this.#tell(guest, "created", name);
      if (request.halt && guest.active)
        await changePower(this.#server, guest, "off", "off", "be turned off", c, "destroy");
    });
    return (await this.#find(guest, name, c)).info;
  }

  async revert(uuid: DomainUuid, name: string, state: RevertState, c: Call): Promise<DomainInfo> {
    const { guests } = this.#server;
    const guest = guests.require(uuid);
    const what = `guest "${guest.name}" cannot go back to snapshot "${name}"`;
    const found = await this.#find(guest, name, c);
    if (state === "paused")
      throw new VirtError("UNSUPPORTED", `${what} and stay paused: Hyper-V has no such start`);
    await guests.during(uuid, c, async () => {
      // Hyper-V takes a guest back only while it does not run.
      if (guest.active) {
        guest.intent = "destroy";
        await requestState(this.#server, guest, "off", what, c);
        await this.#server.heard(guest, (told) => told?.power === "off", c);
      }
      await this.#server.call(what, SERVICE, "ApplySnapshot", { Snapshot: referenceOf(found) }, c);
      await this.#server.refresh(guest.key, c.signal);
      this.#tell(guest, "reverted", name);
      if (state === "running" || found.info.memory) {
        await requestState(this.#server, guest, "on", `guest "${guest.name}" cannot be started`, c);
        await this.#server.heard(guest, (told) => told?.power === "running", c);
      }
    });
    return guest.info;
  }

  async delete(uuid: DomainUuid, name: string, scope: SnapshotScope, c: Call): Promise<void> {
    const guest = this.#server.guests.require(uuid);
    const found = await this.#find(guest, name, c);
    const tree = await this.#tree(guest, c);
    await this.#server.guests.during(uuid, c, async () => {
      const tops = scope === "childrenOnly" ? tree.filter(({ info }) => info.parent === name) : [found];
      for (const top of tops) {
        const what = `snapshot "${top.info.name}" of guest "${guest.name}" cannot be deleted`;
        if (scope === "alone")
          await this.#server.call(
            what,
            SERVICE,
            "DestroySnapshot",
            { AffectedSnapshot: referenceOf(top) },
            c,
          );
        else
          await this.#server.call(
            what,
            SERVICE,
            "DestroySnapshotTree",
            { SnapshotSettingData: referenceOf(top) },
            c,
          );
        const gone =
          scope === "alone" ? [top.info.name] : [...descendants(tree, top.info.name), top.info.name];
        for (const each of gone) this.#tell(guest, "deleted", each);
      }
      await this.#server.refresh(guest.key, c.signal);
    });
  }

  async #tree(guest: Guest, c: Call): Promise<readonly Checkpoint[]> {
    const all = await this.#server.ask(
      `the snapshots of guest "${guest.name}" cannot be read`,
      (session, options) =>
        session.query(
          "Msvm_VirtualSystemSettingData",
          options,
          `VirtualSystemIdentifier = ${quoted(guest.key)}`,
        ),
      c,
    );
    const system = all.find(({ InstanceID }) => InstanceID?.toUpperCase() === guest.settingsId.toUpperCase());
    return checkpointTree(all, system ?? guest.facts.settings.system);
  }

  /** Hyper-V lets several have one name; which of them is meant nobody can say then. */
  async #find(guest: Guest, name: string, c: Call): Promise<Checkpoint> {
    const [found, other] = (await this.#tree(guest, c)).filter(({ info }) => info.name === name);
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

  async #describe(
    { id, notes }: Checkpoint,
    name: string,
    description: string,
    what: string,
    c: Call,
  ): Promise<void> {
    const SystemSettings = embedded("Msvm_VirtualSystemSettingData", {
      ...{ InstanceID: id, ElementName: name, Notes: withCheckpoint(notes, description) },
    });
    await this.#server.call(
      what,
      "Msvm_VirtualSystemManagementService",
      "ModifySystemSettings",
      { SystemSettings },
      c,
    );
  }

  #tell(guest: Guest, type: "created" | "reverted" | "deleted", snapshot: string): void {
    this.#server.guests.events.emit(guest, { kind: "snapshot", type, snapshot });
  }
}

function referenceOf({ id }: Checkpoint): Reference {
  return settingReference("Msvm_VirtualSystemSettingData", id);
}

/** Everything below a snapshot, children before their parents. */
function descendants(tree: readonly Checkpoint[], name: string): readonly string[] {
  return tree
    .filter(({ info }) => info.parent === name)
    .flatMap(({ info }) => [...descendants(tree, info.name), info.name]);
}
