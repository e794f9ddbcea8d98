import { randomUUID } from "node:crypto";
import { referenceTo } from "../cim/path.ts";
import { type Instance, keyText, type Reference, textOf, type Value } from "../cim/value.ts";
import { type Context, guestReference, pathText } from "./context.ts";
import { DISK_FORMAT, DISK_TYPE } from "./disks.ts";
import { enterState, removeSettings, resourcesOf, settingsOf, SNAPSHOT, stateOf } from "./guests.ts";
import { removeResource } from "./guest-network.ts";
import { RESOURCES } from "./resources.ts";

const SETTINGS = "Msvm_VirtualSystemSettingData";

/** What a checkpoint has of its own, and does not hand on to the guest that it is applied to. */
const OWN = [
  "InstanceID",
  "ConfigurationID",
  "VirtualSystemType",
  "CreationTime",
  "Parent",
  "IsSaved",
  "ElementName",
];

export function checkpointsOf(context: Context, id: string): readonly Instance[] {
  return context.repository
    .all(SETTINGS)
    .filter(
      (s) => textOf(s, "VirtualSystemIdentifier") === id && textOf(s, "VirtualSystemType") === SNAPSHOT,
    );
}

/** Keeps the settings of a guest as they are now; its disks go on in differencing ones. */
export function takeCheckpoint(context: Context, id: string, name?: string): Reference {
  const { repository } = context;
  const settings = repository.get(settingsOf(id));
  const guest = repository.get(guestReference(id));
  if (settings === undefined || guest === undefined) throw new Error(`there is no guest ${id}`);
  const own = randomUUID().toUpperCase();
  const now = new Date();
  const checkpoint = repository.add(SETTINGS, {
    ...settings.values,
    ...{
      InstanceID: `Microsoft:${own}`,
      ConfigurationID: own,
      VirtualSystemType: SNAPSHOT,
      CreationTime: now,
    },
    ElementName: name ?? `${textOf(guest, "ElementName")} - (${now.toLocaleString(context.seed.locale)})`,
    IsSaved: stateOf(guest) !== "off",
  });
  copyResources(context, settingsOf(id), checkpoint);
  repository.add("Msvm_SnapshotOfVirtualSystem", { Antecedent: guestReference(id), Dependent: checkpoint });
  growDisks(context, settingsOf(id));
  goOnFrom(context, id, checkpoint);
  return checkpoint;
}

/** The next checkpoint of the guest will stand below this one. */
function goOnFrom(context: Context, id: string, checkpoint: Reference | undefined): void {
  const { repository } = context;
  const guest = guestReference(id);
  for (const old of repository.associationsOf(guest)) {
    if (old.className === "Msvm_MostCurrentSnapshotInBranch" || old.className === "Msvm_LastAppliedSnapshot")
      repository.remove(referenceTo(old));
  }
  const parent = checkpoint === undefined ? null : pathText(context, checkpoint);
  repository.update(settingsOf(id), { Parent: parent });
  if (checkpoint === undefined) return;
  repository.add("Msvm_MostCurrentSnapshotInBranch", { Antecedent: guest, Dependent: checkpoint });
  repository.add("Msvm_LastAppliedSnapshot", { Antecedent: checkpoint, Dependent: guest });
}

/** Every disk gets one on top of it, into which the guest writes from now on. */
function growDisks(context: Context, settings: Reference): void {
  for (const resource of resourcesOf(context, settings)) {
    const [path] = (resource.values["HostResource"] ?? []) as readonly string[];
    if (textOf(resource, "ResourceSubType") !== RESOURCES.disk.subType || path === undefined) continue;
    const grown = `${path.replace(/(_[0-9A-F-]{36})?\.a?vhdx?$/i, "")}_${randomUUID().toUpperCase()}.avhdx`;
    const { sizeBytes = 0 } = context.disks.find(path) ?? {};
    context.disks.put({
      ...{ path: grown, parentPath: path, sizeBytes },
      ...{ type: DISK_TYPE.differencing, format: DISK_FORMAT.vhdx },
    });
    context.repository.update(referenceTo(resource), { HostResource: [grown] });
  }
}

function copyResources(context: Context, from: Reference, to: Reference): void {
  const [oldId, newId] = [keyText(from, "InstanceID"), keyText(to, "InstanceID")];
  // Paths in properties have their backslashes doubled.
  const moved = (value: Value): Value => (typeof value === "string" ? value.replaceAll(oldId, newId) : value);
  for (const resource of resourcesOf(context, from)) {
    const values = Object.fromEntries(
      Object.entries(resource.values).map(([key, value]) => [key, moved(value)]),
    );
    const copy = context.repository.add(resource.className, values);
    context.repository.add("Msvm_VirtualSystemSettingDataComponent", {
      GroupComponent: to,
      PartComponent: copy,
    });
  }
}

/** Lets a guest be as it was. */
export function applyCheckpoint(context: Context, checkpoint: Instance): void {
  const id = textOf(checkpoint, "VirtualSystemIdentifier");
  const settings = settingsOf(id);
  for (const resource of resourcesOf(context, settings)) removeResource(context, referenceTo(resource));
  copyResources(context, referenceTo(checkpoint), settings);
  growDisks(context, settings);
  const values = Object.entries(checkpoint.values).filter(([key]) => !OWN.includes(key));
  context.repository.update(settings, Object.fromEntries(values));
  goOnFrom(context, id, referenceTo(checkpoint));
  enterState(context, id, checkpoint.values["IsSaved"] === true ? "saved" : "off");
}

/** Removes a checkpoint; what stands below it then stands below its parent. */
export function removeCheckpoint(context: Context, checkpoint: Instance): void {
  const id = textOf(checkpoint, "VirtualSystemIdentifier");
  const path = referenceTo(checkpoint);
  const parent = checkpoint.values["Parent"] ?? null;
  const isLast = context.repository
    .associationsOf(path)
    .some((a) => a.className === "Msvm_MostCurrentSnapshotInBranch");
  for (const child of childrenOf(context, checkpoint))
    context.repository.update(referenceTo(child), { Parent: parent });
  removeSettings(context, path);
  if (isLast) goOnFrom(context, id, parentOf(context, checkpoint));
}

export function removeCheckpointTree(context: Context, checkpoint: Instance): void {
  for (const child of childrenOf(context, checkpoint)) removeCheckpointTree(context, child);
  removeCheckpoint(context, checkpoint);
}

function childrenOf(context: Context, checkpoint: Instance): readonly Instance[] {
  const path = pathText(context, referenceTo(checkpoint));
  return checkpointsOf(context, textOf(checkpoint, "VirtualSystemIdentifier")).filter(
    (other) => textOf(other, "Parent") === path,
  );
}

function parentOf(context: Context, checkpoint: Instance): Reference | undefined {
  const wanted = textOf(checkpoint, "Parent");
  return checkpointsOf(context, textOf(checkpoint, "VirtualSystemIdentifier"))
    .map(referenceTo)
    .find((path) => pathText(context, path) === wanted);
}
