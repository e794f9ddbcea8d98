import { referenceTo } from "../cim/path.ts";
import {
  type Instance,
  keyText,
  numberOf,
  type Reference,
  textOf,
  type Value,
  valueText,
} from "../cim/value.ts";
import { atPath, guestReference } from "../host/context.ts";
import { addResource, resourcesOf, settingsOf, stateOf } from "../host/guests.ts";
import { removeResource } from "../host/guest-network.ts";
import type { Host } from "../host/host.ts";
import { RETURN, Refusal, type Work, type WorkResult } from "../host/jobs.ts";
import { resourceKind, RESOURCES, type ResourceKind } from "../host/resources.ts";
import { type MethodCall, needInstance, references, texts } from "./method.ts";
import { readSettings, written } from "./settings-text.ts";

const RASD = "CIM_ResourceAllocationSettingData";

export function addResourceSettings(call: MethodCall): Work {
  const { host } = call;
  const settings = referenceTo(needInstance(call, "AffectedConfiguration"));
  const wanted = texts(call, "ResourceSettings");
  // What is wrong with it is answered at once.
  for (const text of wanted) check(host, settings, text);
  return {
    describes: "modifying",
    affected: [settings],
    finish: () => {
      const made = addResources(host, settings, wanted);
      touch(host, settings);
      return { made, output: { ResultingResourceSettings: made } };
    },
  };
}

interface Wanted {
  readonly kind: ResourceKind;
  readonly values: Readonly<Record<string, Value>>;
  readonly parent: Instance | undefined;
}

function check(host: Host, settings: Reference, text: string): Wanted {
  const instance = readSettings(text, RASD);
  const values = written(instance);
  const kind = resourceKind(textOf(instance, "ResourceSubType"));
  if (kind === undefined || kind.type !== numberOf(instance, "ResourceType"))
    throw new Refusal(
      RETURN.invalidParameter,
      `there is no resource ${textOf(instance, "ResourceSubType")} of type ${textOf(instance, "ResourceType")}`,
    );
  const parent = atPath(host, textOf(instance, "Parent"));
  const owned = resourcesOf(host, settings).map((resource) => textOf(resource, "InstanceID"));
  if (kind.needsParent && (parent === undefined || !owned.includes(textOf(parent, "InstanceID"))))
    throw new Refusal(RETURN.invalidParameter, `Parent is no resource of it: ${textOf(instance, "Parent")}`);
  if (kind.fixedId !== undefined)
    throw new Refusal(RETURN.invalidParameter, `a guest has one ${kind.subType}; modify it`);
  const isIde = parent !== undefined && textOf(parent, "ResourceSubType") === RESOURCES.ide.subType;
  if ((isIde || kind === RESOURCES.scsi) && isOn(host, settings))
    throw new Refusal(RETURN.invalidState, `${kind.subType} cannot be added to a guest that is on`);
  if (kind === RESOURCES.drive || kind === RESOURCES.dvdDrive) checkAddress(host, settings, instance);
  return { kind, values, parent };
}

function checkAddress(host: Host, settings: Reference, drive: Instance): void {
  const taken = resourcesOf(host, settings).some(
    (r) =>
      textOf(r, "Parent").toLowerCase() === textOf(drive, "Parent").toLowerCase() &&
      textOf(r, "AddressOnParent") === textOf(drive, "AddressOnParent"),
  );
  if (taken)
    throw new Refusal(RETURN.inUse, `${textOf(drive, "AddressOnParent")} is taken on the controller`);
}

function isOn(host: Host, settings: Reference): boolean {
  const id = textOf(
    host.repository.get(settings) ?? { className: "", values: {} },
    "VirtualSystemIdentifier",
  );
  const guest = host.repository.get(guestReference(id));
  return guest !== undefined && stateOf(guest) !== "off";
}

/** @throws Refusal */
export function addResources(
  host: Host,
  settings: Reference,
  wanted: readonly string[],
): readonly Reference[] {
  const owner = keyText(settings, "InstanceID").replace(/^Microsoft:/i, "");
  return wanted.map((text) => {
    const { kind, values, parent } = check(host, settings, text);
    return addResource(host, owner, kind, values, partOf(kind, values, parent, owner));
  });
}

/** Hyper-V makes the id of a drive, a disk and a connection out of that of its parent. */
function partOf(
  kind: ResourceKind,
  values: Readonly<Record<string, Value>>,
  parent: Instance | undefined,
  owner: string,
): string | undefined {
  if (parent === undefined)
    return kind.type === RESOURCES.nic.type ? crypto.randomUUID().toUpperCase() : undefined;
  const above = textOf(parent, "InstanceID").slice(`Microsoft:${owner}\\`.length);
  switch (kind.type) {
    case RESOURCES.drive.type:
    case RESOURCES.dvdDrive.type:
      return `${above}\\${valueText(values["AddressOnParent"] ?? "0")}\\D`;
    case RESOURCES.disk.type:
      return above.replace(/\\D$/, "\\L");
    default:
      return `${above}\\C`;
  }
}

export function modifyResourceSettings(call: MethodCall): Work {
  const { host } = call;
  const changes = texts(call, "ResourceSettings").map((text) => {
    const instance = readSettings(text, RASD);
    const resource = host.repository.all(RASD).find(sameId(textOf(instance, "InstanceID")));
    if (resource === undefined)
      throw new Refusal(RETURN.invalidParameter, `there is no resource ${textOf(instance, "InstanceID")}`);
    checkChange(host, resource, instance);
    return { path: referenceTo(resource), values: written(instance) };
  });
  return {
    describes: "modifying",
    affected: changes.map(({ path }) => path),
    finish: (): WorkResult => {
      for (const { path, values } of changes) {
        const { InstanceID: _, ...others } = values;
        host.repository.update(path, others);
        touch(host, settingsOfResource(path));
      }
      return { output: { ResultingResourceSettings: changes.map(({ path }) => path) } };
    },
  };
}

function sameId(id: string): (instance: Instance) => boolean {
  return (instance) => textOf(instance, "InstanceID").toLowerCase() === id.toLowerCase();
}

function checkChange(host: Host, resource: Instance, wanted: Instance): void {
  const quantity = wanted.values["VirtualQuantity"];
  if (quantity === undefined || quantity === null) return;
  const amount = Number(quantity);
  const isProcessor = resource.className === "Msvm_ProcessorSettingData";
  const most = isProcessor ? host.seed.processors : 12 * 1024 * 1024;
  if (amount < 1 || amount > most)
    throw new Refusal(RETURN.invalidParameter, `VirtualQuantity is ${amount}; from 1 to ${most} can be had`);
  if (isProcessor && isOn(host, settingsOfResource(referenceTo(resource))))
    throw new Refusal(
      RETURN.invalidState,
      "the number of processors cannot be changed while the guest is on",
    );
}

/** The settings of a resource, whose InstanceID begins with theirs. */
function settingsOfResource(resource: Reference): Reference {
  const [, owner = ""] = /^Microsoft:([^\\]+)/i.exec(keyText(resource, "InstanceID")) ?? [];
  return settingsOf(owner);
}

export function removeResourceSettings(call: MethodCall): Work {
  const { host } = call;
  const doomed = references(call, "ResourceSettings").map((path) => {
    const resource = host.repository.get(path);
    if (resource === undefined) throw new Refusal(RETURN.invalidParameter, "a resource is not there");
    return referenceTo(resource);
  });
  return {
    describes: "modifying",
    affected: doomed,
    finish: () => {
      for (const path of doomed) {
        removeResource(host, path);
        touch(host, settingsOfResource(path));
      }
      return {};
    },
  };
}

/** A guest shows when its configuration was changed last. */
function touch(host: Host, settings: Reference): void {
  const id = keyText(settings, "InstanceID").replace(/^Microsoft:/i, "");
  host.repository.update(guestReference(id), { TimeOfLastConfigurationChange: new Date() });
}
