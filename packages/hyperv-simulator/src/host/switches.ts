import { randomUUID } from "node:crypto";
import { keyText, type Reference } from "../cim/value.ts";
import { type Context, settingReference } from "./context.ts";
import type { SeedSwitch } from "./seed.ts";

const SETTINGS = "Msvm_VirtualEthernetSwitchSettingData";

export function addSwitch(
  context: Context,
  { name, id = randomUUID().toUpperCase() }: SeedSwitch,
): Reference {
  const path = context.repository.add("Msvm_VirtualEthernetSwitch", {
    ...{ CreationClassName: "Msvm_VirtualEthernetSwitch", Name: id, ElementName: name },
    ...{ EnabledState: 5, HealthState: 5, OperationalStatus: [2], StatusDescriptions: ["OK"], Status: "OK" },
    RequestedState: 12,
  });
  const settings = context.repository.add(SETTINGS, {
    ...{ InstanceID: `Microsoft:${id}`, ElementName: name, VirtualSystemIdentifier: id },
    VirtualSystemType: "DMTF:Virtual Ethernet Switch",
  });
  context.repository.add("Msvm_ElementSettingData", { ManagedElement: path, SettingData: settings });
  return path;
}

export function removeSwitch(context: Context, path: Reference): void {
  context.repository.remove(settingReference(SETTINGS, `Microsoft:${keyText(path, "Name")}`));
  context.repository.remove(path);
}
