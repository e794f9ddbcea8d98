import { textOf } from "../cim/value.ts";
import { guestReference } from "../host/context.ts";
import { stateOf } from "../host/guests.ts";
import { type Answer, DONE, type MethodCall } from "./method.ts";

/** "Delete method of the CIM_DataFile class" */
const SHARING_VIOLATION = 15;

/** A file that a guest has open is not removed. */
export function deleteFile({ host, target }: MethodCall): Answer {
  const name = textOf(target, "Name");
  const users = host.repository
    .all("Msvm_StorageAllocationSettingData")
    .filter((each) => textOf(each, "HostResource").toLowerCase() === name)
    .map((each) => /^Microsoft:([^\\]+)/.exec(textOf(each, "InstanceID"))?.[1] ?? "");
  const isOpen = users.some((id) => {
    const guest = host.repository.get(guestReference(id));
    return guest !== undefined && !["off", "saved"].includes(stateOf(guest));
  });
  if (isOpen) return { returnValue: SHARING_VIOLATION };
  host.disks.remove(name);
  return DONE;
}
