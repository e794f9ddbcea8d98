import { etagOf } from "@virtmesh/agent/guests/definition";
import { parseUuid } from "@virtmesh/core/ids";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import { definitionOf } from "../definition/read.ts";
import type { Reference } from "../vim/encode.ts";
import { flagAt, numberAt, textAt, type VimNode } from "../vim/node.ts";
import type { Properties } from "./patch.ts";

/** What is watched of each guest. */
export const WATCHED = [
  ...["name", "config", "runtime.powerState", "runtime.bootTime", "runtime.host"],
  ...["runtime.connectionState", "summary.quickStats", "snapshot"],
  // What the tools inside say.
  ...["guest.net", "guest.hostName", "guest.guestId", "guest.guestFullName", "guest.toolsVersion"],
] as const;

export type Power = "poweredOn" | "poweredOff" | "suspended";

/** A guest as the server describes it. */
export interface Facts {
  readonly object: Reference;
  readonly definition: IdentifiedDomain;
  /** Hash of the definition. */
  readonly etag: string;
  readonly config: VimNode;
  readonly power: Power;
  /** Id of the host that it is on. */
  readonly host: string;
  /** Milliseconds since the epoch; 0 when the server does not tell. */
  readonly bootTimeMs: number;
  /** Changes with every change of the configuration. */
  readonly modified: string;
  readonly cpuMhz: number;
  readonly memoryMib: number;
  readonly snapshots: VimNode | undefined;
}

/**
 * Undefined for what is no guest of ours: a template, and one that the server itself cannot read, which has no
 * configuration until it can be read again.
 */
export function readFacts(object: Reference, properties: Properties): Facts | undefined {
  const config = properties.get("config");
  if (config === undefined || flagAt(config, "template") === true) return undefined;
  if (parseUuid(textAt(config, "uuid") ?? "") === undefined) return undefined;
  const definition = definitionAt(config);
  const stats = properties.get("summary.quickStats");
  return {
    ...{ object, definition, config, etag: etagOf(definition) },
    host: properties.get("runtime.host")?.text ?? "",
    power: powerOf(properties.get("runtime.powerState")?.text),
    bootTimeMs: Date.parse(properties.get("runtime.bootTime")?.text ?? "") || 0,
    modified: textAt(config, "modified") ?? "",
    cpuMhz: numberAt(stats, "overallCpuUsage") ?? 0,
    memoryMib: numberAt(stats, "hostMemoryUsage") ?? 0,
    snapshots: properties.get("snapshot"),
  };
}

/** Numbers change all the time, and configurations hardly ever. */
const definitions = new WeakMap<VimNode, IdentifiedDomain>();

function definitionAt(config: VimNode): IdentifiedDomain {
  const known = definitions.get(config);
  if (known !== undefined) return known;
  const definition = definitionOf(config);
  definitions.set(config, definition);
  return definition;
}

export function powerOf(text: string | undefined): Power {
  return text === "poweredOn" || text === "suspended" ? text : "poweredOff";
}
