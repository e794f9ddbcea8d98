import type { Call } from "../call.ts";
import type { DomainUuid } from "../ids.ts";
import type { ChangeScope } from "./change-scope.ts";
import type { DomainInfo } from "./domains.ts";

/**
 * How much of its host a guest gets. A method resolves when the guest has it; when it throws, the definition is as it
 * was, and what a guest has given or taken so far is told by a `resource` event.
 */
export interface ResourceFacet {
  /** The memory it has at the moment. @throws INVALID_FIELD above its maximum, GUEST_REFUSED */
  setMemory?(uuid: DomainUuid, bytes: bigint, scope: ChangeScope, c: Call): Promise<DomainInfo>;
  /** The most it can ever have. */
  setMaxMemory?(uuid: DomainUuid, bytes: bigint, scope: ChangeScope, c: Call): Promise<DomainInfo>;
  /** @throws INVALID_FIELD above its maximum, GUEST_REFUSED */
  setVcpus?(uuid: DomainUuid, count: number, scope: ChangeScope, c: Call): Promise<DomainInfo>;
  /** How many it can have at most. */
  setMaxVcpus?(uuid: DomainUuid, count: number, scope: ChangeScope, c: Call): Promise<DomainInfo>;
}
