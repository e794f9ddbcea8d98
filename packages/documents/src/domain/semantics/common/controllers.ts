import type { Controller } from "../../devices/controller.ts";
import type { Draft } from "../draft.ts";
import { refuse } from "../refuse.ts";
import type { DomainDraft } from "../walk.ts";

export type ControllerDraft = Draft<Controller>;
export type ControllerType = Controller["type"];
export type ControllerOf<T extends ControllerType> = Extract<ControllerDraft, { type: T }>;

/** The parts of a USB 2 controller of ICH9, which share an index. */
export function isIch9Part(controller: ControllerDraft): boolean {
  return controller.type === "usb" && controller.model?.startsWith("ich9-") === true;
}

export function findController<T extends ControllerType>(
  draft: DomainDraft,
  type: T,
  index: number,
): ControllerOf<T> | undefined {
  const found = draft.devices.controllers.find((c) => c.type === type && c.index === index);
  return found as ControllerOf<T> | undefined;
}

function freeIndex(draft: DomainDraft, type: ControllerType): number {
  let index = 0;
  while (findController(draft, type, index) !== undefined) index += 1;
  return index;
}

/** Adds a controller of that index unless there is one. */
export function needController(draft: DomainDraft, controller: ControllerDraft & { index: number }): void {
  if (findController(draft, controller.type, controller.index) === undefined)
    draft.devices.controllers.push(controller);
}

/** Gives controllers without an index the lowest free one of their type; parts of ICH9 stay together. */
export function assignControllerIndexes(draft: DomainDraft): void {
  const { controllers } = draft.devices;
  for (const [i, controller] of controllers.entries()) {
    if (controller.index !== undefined) continue;
    controller.index = companionIndex(controllers, i) ?? freeIndex(draft, controller.type);
  }
}

/** The index of the part of ICH9 before this one, as long as it has no part of this model yet. */
function companionIndex(controllers: readonly ControllerDraft[], at: number): number | undefined {
  const controller = controllers[at];
  if (controller === undefined || at === 0 || !isIch9Part(controller)) return undefined;
  const before = controllers.slice(0, at).findLast((c) => c.type === "usb");
  if (before?.index === undefined || !isIch9Part(before)) return undefined;
  const doubled = controllers.some(
    (c) => c.type === "usb" && c.index === before.index && c.model === controller.model,
  );
  return doubled ? undefined : before.index;
}

/** Sorts controllers of one type by index, masters before their companions; types stay in the order written. */
export function orderControllers(draft: DomainDraft): void {
  const ordered: ControllerDraft[] = [];
  for (const controller of draft.devices.controllers) insert(ordered, controller);
  draft.devices.controllers = ordered;
}

function insert(ordered: ControllerDraft[], controller: ControllerDraft): void {
  let at: number | undefined;
  for (let i = ordered.length - 1; i >= 0; i -= 1) {
    const current = ordered[i];
    if (current?.type !== controller.type) continue;
    if (controller.index === undefined) {
      at = i + 1;
      break;
    }
    const companion = !isCompanion(controller) && isCompanion(current) && current.index === controller.index;
    if ((current.index ?? -1) > controller.index || companion) at = i;
    else at ??= i + 1;
  }
  ordered.splice(at ?? ordered.length, 0, controller);
}

function isCompanion(controller: ControllerDraft): boolean {
  return controller.type === "usb" && controller.master !== undefined;
}

const STARTPORTS: Readonly<Record<string, number>> = { "ich9-uhci1": 0, "ich9-uhci2": 2, "ich9-uhci3": 4 };

/** The companions of an ICH9 controller serve two of its ports each. */
export function completeCompanions({ devices }: DomainDraft): void {
  for (const controller of devices.controllers) {
    if (controller.type !== "usb") continue;
    const startport = STARTPORTS[controller.model ?? ""];
    if (startport !== undefined) controller.master ??= startport;
  }
}

/** `<controller type='usb' model='none'>` means no USB at all; companions need the controller they serve. */
export function checkUsbControllers(draft: DomainDraft): void {
  const usb = draft.devices.controllers.filter((c) => c.type === "usb");
  const none = usb.filter((c) => c.model === "none");
  if (none.length > 0 && usb.length > 1)
    refuse("devices/controller", "USB is disabled by a controller of model none, there can be no other one");
  if (usb.length > none.length && usb.every((c) => c.model === "none" || isCompanion(c)))
    refuse(
      "devices/controller",
      "every USB controller is the companion of another; one without <master> is needed",
    );
}

export function checkDoubledControllers(draft: DomainDraft): void {
  const seen = new Set<string>();
  for (const [i, { type, index }] of draft.devices.controllers.entries()) {
    if (type === "usb") continue;
    const name = `${type} ${index}`;
    if (seen.has(name)) refuse(`devices/controller[${i + 1}]/@index`, `two controllers are ${name}`);
    seen.add(name);
  }
}
