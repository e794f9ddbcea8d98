import { etagOf } from "@virtmesh/agent/guests/definition";
import { sameId } from "../msvm/object-path.ts";
import type { Msvm } from "../msvm/types.ts";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { HostNames, SystemSettings } from "../settings/model.ts";
import { definitionOf } from "../settings/read.ts";
import { isSettled, type Power, powerOf } from "./power.ts";

export type System = Msvm<"Msvm_ComputerSystem">;

/** A guest as the host describes it. */
export interface Facts {
  /** The GUID by which Hyper-V knows it, as Hyper-V writes it. */
  readonly key: string;
  readonly system: System;
  readonly settings: SystemSettings;
  readonly definition: IdentifiedDomain;
  /** Hash of the definition. */
  readonly etag: string;
  readonly power: Power;
  /** When its state changed last, by the host's clock; 0 where the host does not tell. */
  readonly stateTimeMs: number;
  /** How long it runs since it was started or reset, without the time it was paused. */
  readonly onTimeMs: number;
}

/** Only guests have a GUID for a name; the host itself has its own. */
export function isGuest({ Name }: System): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(Name ?? "");
}

export function factsOf(system: System, settings: SystemSettings, names: HostNames): Facts {
  const key = (system.Name ?? "").toUpperCase();
  const definition = definitionOf(key, settings, names);
  const power = powerOf(system.EnabledState) ?? "off";
  return {
    key,
    system,
    settings,
    definition,
    etag: etagOf(definition),
    power,
    stateTimeMs: stateTimeOf(system),
    onTimeMs: onTimeOf(system),
  };
}

/** The same guest as an event has told it. */
export function withSystem(facts: Facts, system: System): Facts {
  const power = powerOf(system.EnabledState) ?? facts.power;
  const now = { ...facts, system, power, stateTimeMs: stateTimeOf(system), onTimeMs: onTimeOf(system) };
  return livingAs(facts, now);
}

/** On its way from one state to another a guest is what it was, and how long it was that is nothing to go by. */
export function livingAs(before: Facts | undefined, now: Facts): Facts {
  if (before === undefined || isSettled(now.system.EnabledState)) return now;
  const { power, stateTimeMs, onTimeMs } = before;
  return { ...now, power, stateTimeMs, onTimeMs };
}

/** An event that was on its way while something newer was read. */
export function isOlder(told: System, known: System): boolean {
  const time = stateTimeOf(told);
  return time !== 0 && time < stateTimeOf(known);
}

/** Settings of a guest that the host has changed since they were read. */
export function isConfiguredAnew(told: System, known: Facts): boolean {
  return (
    told.TimeOfLastConfigurationChange !== known.system.TimeOfLastConfigurationChange ||
    !sameId(told.ElementName, known.system.ElementName)
  );
}

function stateTimeOf({ TimeOfLastStateChange = "" }: System): number {
  // A state that has never changed did so in 1601.
  return Math.max(0, Date.parse(TimeOfLastStateChange) || 0);
}

function onTimeOf({ OnTimeInMilliseconds = 0n }: System): number {
  return Number(OnTimeInMilliseconds);
}
