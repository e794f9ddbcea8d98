import type { Domain } from "@virtmesh/api/gen/virtmesh/v1/domain";
import type { Mesh } from "./connection.ts";
import { LiveInventory } from "./inventory-view.ts";
import { CoalescingWriter } from "./inventory-writer.ts";

/** What an agent tells the fleet about its guests; latest value wins, and it catches up after a lost connection. */
export interface InventoryWriter extends AsyncDisposable {
  /** At once, in memory; written in order for each guest, as fast as NATS takes it. */
  put(domain: Domain): void;
  remove(uuid: string): void;
  /** Says which guests there are: every other one of this agent is removed. Once at the agent's start. */
  replaceAll(domains: readonly Domain[]): void;
  /** Resolves when everything told so far is in NATS; rejects when `signal` is aborted. */
  written(signal: AbortSignal): Promise<void>;
}

export interface InventoryChange {
  readonly host: string;
  readonly uuid: string;
  /** undefined: removed. */
  readonly domain: Domain | undefined;
}

/** A live view of all guests of the fleet, in memory. */
export interface InventoryView extends AsyncDisposable {
  /** Resolves when everything that was there has been read once; rejects when disposed before. */
  readonly synced: Promise<void>;
  list(): Domain[];
  get(host: string, uuid: string): Domain | undefined;
  /** On which hosts a guest is known. */
  byUuid(uuid: string): Domain[];
  onChange(listener: (change: InventoryChange) => void): Disposable;
}

/** `uris`: connection URIs of this agent; entries under its host with other URIs belong to other agents. */
export function writeInventory(
  mesh: Mesh,
  agent: { host: string; uris: readonly string[] },
): InventoryWriter {
  return new CoalescingWriter(mesh, agent.host, new Set(agent.uris));
}

export function watchInventory(mesh: Mesh): InventoryView {
  return new LiveInventory(mesh);
}
