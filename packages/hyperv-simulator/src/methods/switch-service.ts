import { referenceTo } from "../cim/path.ts";
import { textOf, valueText } from "../cim/value.ts";
import { pathText } from "../host/context.ts";
import { RETURN, Refusal, type Work } from "../host/jobs.ts";
import { addSwitch, removeSwitch } from "../host/switches.ts";
import { type MethodCall, needInstance, needText } from "./method.ts";
import { readSettings, written } from "./settings-text.ts";

const SETTINGS = "Msvm_VirtualEthernetSwitchSettingData";

export function defineSwitch(call: MethodCall): Work {
  const { host } = call;
  const { ElementName: name = "" } = written(readSettings(needText(call, "SystemSettings"), SETTINGS));
  if (name === "") throw new Refusal(RETURN.invalidParameter, "a switch has a name");
  return {
    ...{ describes: "defining", affected: [] },
    finish: () => {
      const made = addSwitch(host, { name: valueText(name) });
      return { made: [made], output: { ResultingSystem: made } };
    },
  };
}

export function modifySwitch(call: MethodCall): Work {
  const { host } = call;
  const { InstanceID: id, ...values } = written(readSettings(needText(call, "SystemSettings"), SETTINGS));
  const settings = host.repository.all(SETTINGS).find((one) => textOf(one, "InstanceID") === valueText(id));
  if (settings === undefined)
    throw new Refusal(RETURN.invalidParameter, `there are no settings ${valueText(id)}`);
  const found = host.repository
    .all("Msvm_VirtualEthernetSwitch")
    .find((one) => textOf(one, "Name") === textOf(settings, "VirtualSystemIdentifier"));
  return {
    ...{ describes: "modifying", affected: [referenceTo(settings)] },
    finish: () => {
      host.repository.update(referenceTo(settings), values);
      const name = values["ElementName"];
      if (found !== undefined && name !== undefined)
        host.repository.update(referenceTo(found), { ElementName: name });
      return {};
    },
  };
}

export function destroySwitch(call: MethodCall): Work {
  const { host } = call;
  const doomed = needInstance(call, "AffectedSystem");
  if (doomed.className !== "Msvm_VirtualEthernetSwitch")
    throw new Refusal(RETURN.invalidParameter, "AffectedSystem is no switch");
  const path = pathText(host, referenceTo(doomed));
  const isInUse = host.repository
    .all("Msvm_EthernetPortAllocationSettingData")
    .some((port) => textOf(port, "HostResource").toLowerCase() === path.toLowerCase());
  if (isInUse) throw new Refusal(RETURN.inUse, `${textOf(doomed, "ElementName")} has ports`);
  return {
    ...{ describes: "removing", affected: [referenceTo(doomed)] },
    finish: () => {
      removeSwitch(host, referenceTo(doomed));
      return {};
    },
  };
}
