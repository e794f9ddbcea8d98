import { referenceTo } from "../cim/path.ts";
import type { Host } from "../host/host.ts";
import { isRefusal, RETURN, Refusal, type Work } from "../host/jobs.ts";
import { type Instance, numberOf, textOf } from "../cim/value.ts";
import { checkpointsOf } from "../host/checkpoints.ts";
import { moveGuest } from "../host/moving.ts";
import { isGuest, removeGuest, removeSettings, stateOf } from "../host/guests.ts";
import { type Answer, DONE, type MethodCall, needInstance, needText } from "./method.ts";
import { readSettings } from "./settings-text.ts";

/** Msvm_VirtualSystemMigrationSettingData.MigrationType */
const TYPE = {
  guest: 32_768,
  storage: 32_769,
  staged: 32_770,
  guestAndStorage: 32_771,
  check: 32_772,
} as const;

interface Wanted {
  readonly guest: Instance;
  readonly type: number;
  readonly destination: string;
}

function readWanted(call: MethodCall): Wanted {
  const guest = needInstance(call, "ComputerSystem");
  if (!isGuest(call.host, guest)) throw new Refusal(RETURN.invalidParameter, "ComputerSystem is no guest");
  const settings = readSettings(
    needText(call, "MigrationSettingData"),
    "Msvm_VirtualSystemMigrationSettingData",
  );
  const type = numberOf(settings, "MigrationType");
  if (!Object.values<number>(TYPE).includes(type))
    throw new Refusal(RETURN.invalidParameter, `MigrationType is ${type}`);
  const destination = type === TYPE.storage ? call.host.seed.hostName : needText(call, "DestinationHost");
  const isReachable =
    type === TYPE.storage ||
    call.host.neighbours.has(destination) ||
    call.host.seed.peers.includes(destination);
  if (!isReachable) throw new Refusal(RETURN.failed, `the host ${destination} cannot be reached`);
  const state = stateOf(guest);
  if (state !== "running" && state !== "off" && state !== "saved")
    throw new Refusal(RETURN.invalidState, `a guest that is ${state} does not migrate`);
  return { guest, type, destination };
}

export function checkMigratable(call: MethodCall): Answer {
  try {
    readWanted(call);
    return { ...DONE, output: { IsMigratable: true } };
  } catch (e) {
    if (!isRefusal(e) || e.code === RETURN.invalidParameter) throw e;
    return { ...DONE, output: { IsMigratable: false } };
  }
}

/** A guest that migrates is on the other host, or nowhere where that is only a name. */
export function migrateToHost(call: MethodCall): Work {
  const { guest, type, destination } = readWanted(call);
  const { host } = call;
  const id = textOf(guest, "Name");
  return {
    ...{ describes: "migrating", jobClass: "Msvm_MigrationJob", affected: [referenceTo(guest)] },
    isCancellable: true,
    jobValues: { MigrationType: type, DestinationHost: destination, VirtualSystemName: id },
    finish: () => {
      if (type === TYPE.storage || type === TYPE.check) return {};
      const neighbour = host.neighbours.get(destination);
      if (neighbour !== undefined) moveGuest(host, neighbour, id);
      else vanish(host, id);
      return {};
    },
  };
}

function vanish(host: Host, id: string): void {
  for (const checkpoint of checkpointsOf(host, id)) removeSettings(host, referenceTo(checkpoint));
  removeGuest(host, id);
}
