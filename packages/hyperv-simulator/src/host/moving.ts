import { identity, referenceTo } from "../cim/path.ts";
import { endsOf } from "../cim/repository.ts";
import { type Instance, isArray, type Reference, type Scalar, textOf, type Value } from "../cim/value.ts";
import { checkpointsOf } from "./checkpoints.ts";
import { atPath, type Context, guestReference, pathText } from "./context.ts";
import { count } from "./counters.ts";
import { removeGuest, removeSettings, resourcesOf, settingsOf, stateOf } from "./guests.ts";

/** What holds a guest together. Others, such as those to jobs, stay where they are. */
const TIES = new Set([
  ...["Msvm_SettingsDefineState", "Msvm_VirtualSystemSettingDataComponent", "Msvm_SystemDevice"],
  ...["Msvm_SettingDataComponent", "Msvm_SnapshotOfVirtualSystem", "Msvm_VideoHeadOnController"],
  ...["Msvm_MostCurrentSnapshotInBranch", "Msvm_LastAppliedSnapshot"],
]);

/** Lets a guest, with its checkpoints and disks, be on another host instead. */
export function moveGuest(from: Context, to: Context, id: string): void {
  const { objects, ties } = everythingOf(from, guestReference(id));
  const [old, now] = [`\\\\${from.seed.hostName}\\`, `\\\\${to.seed.hostName}\\`];
  const rehosted = (value: Scalar): Scalar =>
    typeof value === "string" && value.startsWith(old)
      ? (switchThere(from, to, value) ?? now + value.slice(old.length))
      : value;
  const moved = (value: Value): Value =>
    value === null ? null : isArray(value) ? value.map(rehosted) : rehosted(value);
  for (const disk of [settingsOf(id), ...checkpointsOf(from, id).map(referenceTo)].flatMap((settings) =>
    disksOf(from, settings),
  ))
    to.disks.put(disk);
  for (const { className, values } of [...objects, ...ties]) {
    const there = Object.entries(values).map(([name, value]) => [name, moved(value)]);
    to.repository.add(className, Object.fromEntries(there));
  }
  for (const checkpoint of checkpointsOf(from, id)) removeSettings(from, referenceTo(checkpoint));
  count(to, id, resourcesOf(to, settingsOf(id)), isOn(from, id));
  removeGuest(from, id);
}

function isOn({ repository }: Context, id: string): boolean {
  const guest = repository.get(guestReference(id));
  return guest !== undefined && !["off", "saved"].includes(stateOf(guest));
}

/** The switch of the same name on the other host; undefined for a path to something else, or where there is none. */
export function switchThere(from: Context, to: Context, path: string): string | undefined {
  const found = atPath(from, path);
  if (found?.className !== "Msvm_VirtualEthernetSwitch") return undefined;
  const there = to.repository
    .all("Msvm_VirtualEthernetSwitch")
    .find((each) => textOf(each, "ElementName") === textOf(found, "ElementName"));
  return there && pathText(to, referenceTo(there));
}

function disksOf(context: Context, settings: Reference): ReturnType<Context["disks"]["chain"]> {
  return resourcesOf(context, settings).flatMap((resource) =>
    context.disks.chain(textOf(resource, "HostResource")),
  );
}

interface Everything {
  readonly objects: readonly Instance[];
  readonly ties: readonly Instance[];
}

function everythingOf({ repository }: Context, guest: Reference): Everything {
  const objects = new Map<string, Instance>();
  const ties = new Map<string, Instance>();
  const open = [guest];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const instance = repository.get(path);
    if (instance === undefined || objects.has(identity(path))) continue;
    objects.set(identity(path), instance);
    for (const tie of repository.associationsOf(path).filter(({ className }) => TIES.has(className))) {
      ties.set(identity(referenceTo(tie)), tie);
      open.push(...endsOf(tie).map(([, end]) => end));
    }
  }
  return { objects: [...objects.values()], ties: [...ties.values()] };
}
