import { referenceTo } from "../cim/path.ts";
import { type Instance, keyText, textOf, valueText } from "../cim/value.ts";
import { checkpointsOf } from "../host/checkpoints.ts";
import { guestReference } from "../host/context.ts";
import {
  addGuest,
  isGuest,
  REALIZED,
  removeGuest,
  removeSettings,
  settingsOf,
  stateOf,
} from "../host/guests.ts";
import type { Host } from "../host/host.ts";
import { RETURN, Refusal, type Work } from "../host/jobs.ts";
import { isBusy, isPlanned } from "../host/planned.ts";
import { type MethodCall, needInstance, needText, texts } from "./method.ts";
import { addResources } from "./resource-settings.ts";
import { readSettings, written } from "./settings-text.ts";

/** What Hyper-V gives and nobody sets. */
const GIVEN = [
  "InstanceID",
  "VirtualSystemIdentifier",
  "VirtualSystemType",
  "ConfigurationID",
  "CreationTime",
];
const SUB_TYPE = /^Microsoft:Hyper-V:SubType:[12]$/;

export function defineSystem(call: MethodCall): Work {
  const { host } = call;
  const { ElementName: name = "New Virtual Machine", ...values } = written(
    readSettings(needText(call, "SystemSettings"), "Msvm_VirtualSystemSettingData"),
  );
  const subType = values["VirtualSystemSubType"] ?? "Microsoft:Hyper-V:SubType:1";
  if (!SUB_TYPE.test(valueText(subType)))
    throw new Refusal(RETURN.invalidParameter, `VirtualSystemSubType is ${valueText(subType)}`);
  const resources = texts(call, "ResourceSettings");
  return {
    describes: "defining",
    affected: [],
    finish: () => {
      const settings = Object.fromEntries(Object.entries(values).filter(([key]) => !GIVEN.includes(key)));
      const guest = addGuest(host, valueText(name), settings);
      const id = keyText(guest, "Name");
      addResources(host, settingsOf(id), resources);
      return { made: [guest], output: { ResultingSystem: guest } };
    },
  };
}

export function destroySystem(call: MethodCall): Work {
  const { host } = call;
  const guest = needInstance(call, "AffectedSystem");
  if (isPlanned(guest)) return destroyPlanned(host, guest);
  if (!isGuest(host, guest)) throw new Refusal(RETURN.invalidParameter, "the host cannot be destroyed");
  const state = stateOf(guest);
  if (state !== "off" && state !== "saved")
    throw new Refusal(RETURN.invalidState, `${textOf(guest, "ElementName")} is ${state}`);
  return {
    describes: "removing",
    affected: [referenceTo(guest)],
    finish: () => {
      for (const checkpoint of checkpointsOf(host, textOf(guest, "Name")))
        removeSettings(host, referenceTo(checkpoint));
      removeGuest(host, textOf(guest, "Name"));
      return {};
    },
  };
}

function destroyPlanned(host: Host, planned: Instance): Work {
  if (isBusy(planned))
    throw new Refusal(RETURN.inUse, `something is migrated into ${textOf(planned, "ElementName")}`);
  return {
    describes: "removing",
    affected: [referenceTo(planned)],
    finish: () => {
      host.repository.remove(referenceTo(planned));
      return {};
    },
  };
}

/** What can be changed while the guest runs. */
const LIVE = new Set([
  ...["InstanceID", "ElementName", "Notes", "AutomaticStartupAction", "AutomaticShutdownAction"],
  ...["AutomaticStartupActionDelay", "AutomaticRecoveryAction", "UserSnapshotType"],
  ...["IncrementalBackupEnabled", "AutomaticSnapshotsEnabled", "SnapshotDataRoot"],
]);

export function modifySystemSettings(call: MethodCall): Work {
  const { host } = call;
  const values = written(readSettings(needText(call, "SystemSettings"), "Msvm_VirtualSystemSettingData"));
  const settings = host.repository
    .all("Msvm_VirtualSystemSettingData")
    .find((s) => textOf(s, "InstanceID").toLowerCase() === valueText(values["InstanceID"]).toLowerCase());
  if (settings === undefined)
    throw new Refusal(RETURN.invalidParameter, `there are no settings ${valueText(values["InstanceID"])}`);
  const id = textOf(settings, "VirtualSystemIdentifier");
  const guest = host.repository.get(guestReference(id));
  const changed = Object.entries(values).filter(
    ([key, value]) => !GIVEN.includes(key) && valueText(settings.values[key]) !== valueText(value),
  );
  const cold = changed.find(([key]) => !LIVE.has(key));
  if (guest !== undefined && cold !== undefined && stateOf(guest) !== "off")
    throw new Refusal(RETURN.invalidState, `${cold[0]} cannot be changed while ${id} is ${stateOf(guest)}`);
  return {
    describes: "modifying",
    affected: [referenceTo(settings)],
    finish: () => {
      host.repository.update(referenceTo(settings), Object.fromEntries(changed));
      const name = changed.find(([key]) => key === "ElementName")?.[1];
      const isCurrent = textOf(settings, "VirtualSystemType") === REALIZED;
      host.repository.update(guestReference(id), {
        TimeOfLastConfigurationChange: new Date(),
        ...(name === undefined || !isCurrent ? {} : { ElementName: name }),
      });
      return {};
    },
  };
}
