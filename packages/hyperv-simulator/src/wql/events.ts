import type { Change } from "../cim/repository.ts";
import type { Embedded, Instance } from "../cim/value.ts";
import { isInstanceOf } from "../cim/repository.ts";
import { findClass, propertyName } from "../schema/classes.ts";
import { matches, propertiesIn } from "./evaluate.ts";
import { parseWql, WqlError } from "./parse.ts";
import type { Condition } from "./query.ts";

/** A query for intrinsic events. */
export interface EventQuery {
  readonly eventClass: string;
  /** What TargetInstance is to be. */
  readonly targetClass: string;
  readonly where: Condition;
}

const EVENT_CLASSES: Readonly<Record<Change["kind"], string>> = {
  created: "__InstanceCreationEvent",
  modified: "__InstanceModificationEvent",
  deleted: "__InstanceDeletionEvent",
};

/** Classes whose provider tells of changes by itself; WMI looks after all others itself, as often as WITHIN says. */
const SELF_TELLING = ["Msvm_ComputerSystem"];

/** @throws WqlError */
export function parseEventQuery(text: string): EventQuery {
  const query = parseWql(text);
  if (query.kind !== "select" || findClass(query.className)?.name.startsWith("__") !== true)
    throw new WqlError("it asks for no intrinsic events");
  const { where, withinSeconds } = query;
  const targetClass = where === undefined ? undefined : targetIn(where);
  if (where === undefined || targetClass === undefined)
    throw new WqlError("it does not say what TargetInstance ISA");
  const cimClass = findClass(targetClass);
  if (cimClass === undefined) throw new WqlError(`there is no class ${targetClass}`);
  if (withinSeconds === undefined && !SELF_TELLING.includes(cimClass.name))
    throw new WqlError(`events of ${cimClass.name} need WITHIN: nobody tells of them`);
  for (const [end = "", property] of propertiesIn(where)) {
    if (findClass(query.className)?.properties.has(end) !== true)
      throw new WqlError(`${query.className} has no property ${end}`);
    if (property !== undefined && propertyName(cimClass, property) === undefined)
      throw new WqlError(`${cimClass.name} has no property ${property}`);
  }
  return { eventClass: query.className, targetClass: cimClass.name, where };
}

function targetIn(condition: Condition): string | undefined {
  switch (condition.kind) {
    case "and":
    case "or":
      return targetIn(condition.left) ?? targetIn(condition.right);
    case "not":
    case "is null":
      return undefined;
    case "compare": {
      const { operator, left, right } = condition;
      const isTarget =
        left.kind === "property" && left.path.length === 1 && left.path[0] === "TargetInstance";
      return operator === "isa" && isTarget && right.kind === "literal" && typeof right.value === "string"
        ? right.value
        : undefined;
    }
  }
}

/** Whether a change is one that was asked for. */
export function selects(query: EventQuery, change: Change, server: string): boolean {
  const event = toEvent(change);
  return (
    isInstanceOf(event, query.eventClass) &&
    isInstanceOf(change.target, query.targetClass) &&
    matches(query.where, { instance: event, server })
  );
}

/** Between 1601 and 1970, in ten millionths of a second. */
const EPOCH = 116_444_736_000_000_000n;

export function toEvent(change: Change): Instance {
  const embed = (instance: Instance): Embedded => ({ kind: "embedded", instance });
  return {
    className: EVENT_CLASSES[change.kind],
    values: {
      TargetInstance: embed(change.target),
      ...(change.kind === "modified" ? { PreviousInstance: embed(change.previous) } : {}),
      TIME_CREATED: BigInt(Date.now()) * 10_000n + EPOCH,
    },
  };
}
