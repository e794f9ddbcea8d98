import type { Call } from "@virtmesh/core/call";
import type { ChangeScope } from "@virtmesh/core/driver/change-scope";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import type { IdentifiedDomain } from "@virtmesh/documents/domain/model";
import type { EventFeed } from "./event-feed.ts";

/** A guest of a hypervisor that has one definition of it, for what runs and for the next start alike. */
export interface DefinedOnce {
  readonly uuid: DomainUuid;
  readonly name: string;
  readonly active: boolean;
  readonly definition: IdentifiedDomain;
}

/** Such guests, and the one way to change them: all of the definition at once. */
export interface DefinedOnceGuests<G extends DefinedOnce = DefinedOnce> {
  /** For messages: `vSphere`. */
  readonly hypervisor: string;
  readonly events: EventFeed;
  /** @throws DOMAIN_NOT_FOUND */
  require(uuid: DomainUuid): G;
  /** Resolves when the guest is so; when it throws, it is as it was. */
  configure(guest: G, definition: IdentifiedDomain, c: Call): Promise<DomainInfo>;
}

/** @throws CONFIG_UNSUPPORTED for a change of a guest that runs which is to count at its next start only */
export function checkScope(
  { hypervisor }: DefinedOnceGuests,
  guest: DefinedOnce,
  { live }: ChangeScope,
): void {
  if (live || !guest.active) return;
  throw new VirtError(
    "CONFIG_UNSUPPORTED",
    `guest "${guest.name}" runs, and ${hypervisor} keeps no other configuration for its next start; change it live, or shut it down first`,
    { resource: { type: "domain", name: guest.name } },
  );
}
