import type { Call } from "@virtmesh/core/call";
import type { ChangeScope } from "@virtmesh/core/driver/change-scope";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { Container } from "../containers/container.ts";
import type { Containers } from "../containers/containers.ts";

type Change = (definition: IdentifiedDomain) => IdentifiedDomain;

/**
 * Changes the definition, what runs, or both. First everything is looked at, then what runs is changed by `live`, and
 * last the definitions: when something throws, they are as they were.
 */
export async function changeContainer(
  containers: Containers,
  container: Container,
  scope: ChangeScope,
  change: Change,
  live: (now: IdentifiedDomain) => Promise<void>,
  c: Call,
): Promise<void> {
  const config =
    scope.config && container.persistent !== undefined ? change(container.persistent) : undefined;
  const running = scope.live ? change(container.running.definition) : undefined;
  if (running !== undefined) await live(running);
  if (config !== undefined) await containers.define(config, c);
  if (running !== undefined) await containers.redefine(container, running);
}
