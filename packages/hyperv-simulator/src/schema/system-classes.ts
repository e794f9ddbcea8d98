import type { ClassSource } from "./class-source.ts";

function eventClass(properties: Readonly<Record<string, string>>, base?: string): ClassSource {
  return { ...(base === undefined ? {} : { base }), keys: [], properties, defaults: {}, methods: {} };
}

/** WMI's own classes of intrinsic events, which are in every namespace ("WMI System Classes"). */
export const SYSTEM_CLASSES: Readonly<Record<string, ClassSource>> = {
  __Event: eventClass({ TIME_CREATED: "uint64", SECURITY_DESCRIPTOR: "uint8[]" }),
  __InstanceOperationEvent: eventClass({ TargetInstance: "object" }, "__Event"),
  __InstanceCreationEvent: eventClass({}, "__InstanceOperationEvent"),
  __InstanceModificationEvent: eventClass({ PreviousInstance: "object" }, "__InstanceOperationEvent"),
  __InstanceDeletionEvent: eventClass({}, "__InstanceOperationEvent"),
};
