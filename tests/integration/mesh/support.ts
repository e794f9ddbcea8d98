import { Agent } from "@virtmesh/api/gen/virtmesh/v1/agent";
import { Event, LifecycleEventType } from "@virtmesh/api/gen/virtmesh/v1/event";
import type { Mesh } from "@virtmesh/mesh/connection";
import { connectMesh } from "@virtmesh/mesh/connection";
import { watchEvents } from "@virtmesh/mesh/events";
import type { InfrastructureOptions } from "@virtmesh/mesh/infrastructure";

export const GUEST = "1b4e28ba-2fa1-41d2-883f-0016d3cca427";
/** A token of another stream: what is kept is given from its beginning, after a gap. */
export const BEGINNING = "v1.00000000.0.";

export function lifecycleEvent(sequence: number, host = "host-a", instance = "instance-1"): Event {
  return Event.fromPartial({
    id: `${instance}.${sequence}`,
    time: new Date(),
    uri: `test://${host}/default`,
    host,
    domainUuid: GUEST,
    domainName: "guest",
    sequence: BigInt(sequence),
    body: {
      $case: "lifecycle",
      value: { type: LifecycleEventType.LIFECYCLE_EVENT_TYPE_STARTED, detail: "booted" },
    },
  });
}

export function agentOf(host: string, instance = "instance-1"): Agent {
  return Agent.fromPartial({
    host,
    hypervisor: "test",
    uris: [`test://${host}/default`],
    address: "127.0.0.1:7771",
    instance,
  });
}

export async function connected(url: string, infrastructure: InfrastructureOptions = {}): Promise<Mesh> {
  const mesh = connectMesh({ servers: url, name: "test", infrastructure });
  await mesh.whenConnected(AbortSignal.timeout(10_000));
  return mesh;
}

/** Ids of the events that are stored, in their order. */
export async function storedIds(mesh: Mesh): Promise<string[]> {
  const ids: string[] = [];
  for await (const item of watchEvents(mesh, { after: BEGINNING, signal: AbortSignal.timeout(60_000) })) {
    if (item.kind === "event") ids.push(item.event.id);
    if (item.kind === "synced") break;
  }
  return ids;
}

export function idsUpTo(count: number): string[] {
  return Array.from({ length: count }, (_, i) => lifecycleEvent(i + 1).id);
}

/** The first call of the listener that satisfies the test. */
export function nextMatching<T>(
  subscribe: (listener: (value: T) => void) => Disposable,
  test: (value: T) => boolean,
): Promise<T> {
  const { promise, resolve } = Promise.withResolvers<T>();
  const subscription = subscribe((value) => {
    if (!test(value)) return;
    subscription[Symbol.dispose]();
    resolve(value);
  });
  return promise;
}

export function nextStatus(mesh: Mesh, up: boolean): Promise<boolean> {
  return nextMatching<boolean>(
    (listener) => mesh.onStatus(listener),
    (now) => now === up,
  );
}
