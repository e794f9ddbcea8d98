import { referenceTo } from "../cim/path.ts";
import { type Instance, textOf } from "../cim/value.ts";
import {
  applyCheckpoint,
  removeCheckpoint,
  removeCheckpointTree,
  takeCheckpoint,
} from "../host/checkpoints.ts";
import { guestReference } from "../host/context.ts";
import { isGuest, SNAPSHOT, stateOf } from "../host/guests.ts";
import { RETURN, Refusal, type Work } from "../host/jobs.ts";
import { type MethodCall, needInstance, needText } from "./method.ts";
import { readSettings } from "./settings-text.ts";

/** 2 Full, 3 Disk, 32768 Recovery. */
const TYPES = [2, 3, 32_768];

export function createSnapshot(call: MethodCall): Work {
  const { host, input } = call;
  const guest = needInstance(call, "AffectedSystem");
  if (!isGuest(host, guest)) throw new Refusal(RETURN.invalidParameter, "AffectedSystem is no guest");
  const type = Number(input["SnapshotType"] ?? 0);
  if (!TYPES.includes(type)) throw new Refusal(RETURN.invalidParameter, `SnapshotType is ${type}`);
  if (typeof input["SnapshotSettings"] === "string" && input["SnapshotSettings"] !== "")
    readSettings(needText(call, "SnapshotSettings"), "Msvm_VirtualSystemSnapshotSettingData");
  const state = stateOf(guest);
  if (state !== "running" && state !== "off" && state !== "paused" && state !== "saved")
    throw new Refusal(RETURN.invalidState, `${textOf(guest, "ElementName")} is ${state}`);
  return {
    describes: "taking a checkpoint",
    affected: [referenceTo(guest)],
    finish: () => {
      const checkpoint = takeCheckpoint(host, textOf(guest, "Name"));
      return { made: [checkpoint], output: { ResultingSnapshot: checkpoint } };
    },
  };
}

function needCheckpoint(call: MethodCall, name: string): Instance {
  const checkpoint = needInstance(call, name);
  if (textOf(checkpoint, "VirtualSystemType") !== SNAPSHOT)
    throw new Refusal(RETURN.invalidParameter, `${name} is no checkpoint`);
  return checkpoint;
}

export function applySnapshot(call: MethodCall): Work {
  const { host } = call;
  const checkpoint = needCheckpoint(call, "Snapshot");
  const guest = host.repository.get(guestReference(textOf(checkpoint, "VirtualSystemIdentifier")));
  const state = guest === undefined ? "off" : stateOf(guest);
  if (state !== "off" && state !== "saved")
    throw new Refusal(RETURN.invalidState, `a checkpoint cannot be applied to a guest that is ${state}`);
  return {
    describes: "applying a checkpoint",
    affected: [referenceTo(checkpoint)],
    finish: () => {
      applyCheckpoint(host, checkpoint);
      return {};
    },
  };
}

export function destroySnapshot(call: MethodCall): Work {
  const checkpoint = needCheckpoint(call, "AffectedSnapshot");
  return removal(call, checkpoint, removeCheckpoint);
}

export function destroySnapshotTree(call: MethodCall): Work {
  const checkpoint = needCheckpoint(call, "SnapshotSettingData");
  return removal(call, checkpoint, removeCheckpointTree);
}

function removal({ host }: MethodCall, checkpoint: Instance, remove: typeof removeCheckpoint): Work {
  return {
    describes: "removing a checkpoint",
    affected: [referenceTo(checkpoint)],
    finish: () => {
      remove(host, checkpoint);
      return {};
    },
  };
}
