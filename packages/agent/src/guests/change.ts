import type { Call } from "@virtmesh/core/call";
import type { ChangeScope } from "@virtmesh/core/driver/change-scope";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";

interface Changeable {
  readonly persistent: IdentifiedDomain | undefined;
  /** @throws DOMAIN_NOT_RUNNING */
  readonly running: { readonly definition: IdentifiedDomain };
}

/** Where definitions are kept, of the next start and of what runs. */
interface Keeper<G> {
  define(definition: IdentifiedDomain, c: Call): Promise<unknown>;
  redefine(guest: G, definition: IdentifiedDomain): Promise<void>;
}

/**
 * Changes the definition, what runs, or both. First everything is looked at, then what runs is changed by `live`, and
 * last the definitions: when something throws, they are as they were.
 */
export async function changeGuest<G extends Changeable>(
  keeper: Keeper<G>,
  guest: G,
  scope: ChangeScope,
  change: (definition: IdentifiedDomain) => IdentifiedDomain,
  live: (now: IdentifiedDomain) => Promise<void>,
  c: Call,
): Promise<void> {
  const config = scope.config && guest.persistent !== undefined ? change(guest.persistent) : undefined;
  const running = scope.live ? change(guest.running.definition) : undefined;
  if (running !== undefined) await live(running);
  if (config !== undefined) await keeper.define(config, c);
  if (running !== undefined) await keeper.redefine(guest, running);
}
