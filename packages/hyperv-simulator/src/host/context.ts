import type { Repository } from "../cim/repository.ts";
import { objectPath, parseObjectPath, reference } from "../cim/path.ts";
import type { Instance, Reference } from "../cim/value.ts";
import type { Disks } from "./disks.ts";
import type { Seed } from "./seed.ts";
import type { Settings } from "./settings.ts";
import { type TextId, textIn } from "./texts.ts";
import type { Timers } from "./timers.ts";

/** What everything on the host works with. */
export interface Context {
  readonly repository: Repository;
  readonly seed: Seed;
  readonly timers: Timers;
  readonly disks: Disks;
  settings(): Settings;
}

export function say(context: Context, id: TextId): string {
  return textIn(context.seed.locale, id);
}

export function pathText(context: Context, path: Reference): string {
  return objectPath(context.seed.hostName, path);
}

/** The instance that the text of an object path points to. */
export function atPath(context: Context, path: string): Instance | undefined {
  const parsed = parseObjectPath(path);
  return parsed === undefined ? undefined : context.repository.get(parsed);
}

export function guestReference(id: string): Reference {
  return reference("Msvm_ComputerSystem", { CreationClassName: "Msvm_ComputerSystem", Name: id });
}

export function settingReference(className: string, instanceId: string): Reference {
  return reference(className, { InstanceID: instanceId });
}

export function hostReference(context: Context): Reference {
  return guestReference(context.seed.hostName);
}
